"""The system under the agent: what differs between operating systems is behind these names, and nowhere else.

========================  =============================================================================================
``EVENT_LOOP``            whether Celery has one here; else it looks in turns
``EXECUTION_PATH``        where scripts get their private folders, unless a setting says otherwise
``SCRIPTS``               for each type of script that can be run here, what makes a file and a command line of it
``User``                  whom a script runs as: ``home``, ``own()`` and what ``ScriptProcess`` needs to know
``as_user``               who that is, from a user's name and the name of a password; both may be empty
``ScriptProcess``         a script's process: started as a user, followed to its end, ended with all that it started
``end_leftovers``         ends what is left of a run whose agent is gone
``process_start``         what tells a process from a later one with its id
``boot_id``               what changes with every start of the machine
``machine_id``            what tells the machine from a copy of it
``hold``                  holds a file for one process alone
========================  =============================================================================================
"""

import sys

if sys.platform == "win32":
    from cloudassist_agent.scripts import windows as here
else:
    from cloudassist_agent.scripts import posix as here

EVENT_LOOP: bool = here.EVENT_LOOP
EXECUTION_PATH = here.EXECUTION_PATH
SCRIPTS = here.SCRIPTS
ScriptProcess = here.ScriptProcess
User = here.User
as_user = here.as_user
boot_id = here.boot_id
end_leftovers = here.end_leftovers
hold = here.hold
machine_id = here.machine_id
process_start = here.process_start
