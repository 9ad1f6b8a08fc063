"""The agent as a service of its machine, of whichever kind that is."""

import sys

if sys.platform == "win32":
    from cloudassist_agent.service import windows as here
else:
    from cloudassist_agent.service import systemd as here

install = here.install
uninstall = here.uninstall
