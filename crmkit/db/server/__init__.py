"""The PostgreSQL that crmkit brings along: started, adopted, recovered and stopped here.

Standard library only, so that the server can be spawned before the heavy imports.
"""

from crmkit.db.server.address import ServerAddress
from crmkit.db.server.binaries import bin_folder
from crmkit.db.server.supervisor import EmbeddedServer

__all__ = ["EmbeddedServer", "ServerAddress", "bin_folder"]
