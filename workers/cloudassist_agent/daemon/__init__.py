"""AssistDaemon: a process beside the agent that watches over it by local signs of life."""
