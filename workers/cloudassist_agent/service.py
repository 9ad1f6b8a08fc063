"""The agent as a service of its machine, of whichever kind that is."""

import sys

if sys.platform == "win32":
    from cloudassist_agent import windows_service as here
else:
    from cloudassist_agent import systemd as here

install = here.install
uninstall = here.uninstall
