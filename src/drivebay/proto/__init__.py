"""The contracts as protobuf, for callers in any language. `make proto` regenerates the `_pb2` files.

Each `.proto` file is self-contained. `rpc.conformance.compare` checks that it mirrors its Python contract.
"""

from .drivebay.auth.v1 import auth_pb2
from .drivebay.files.v1 import files_pb2
from .drivebay.rpc.v1 import multiplex_pb2
from .drivebay.storage.v1 import storage_pb2

AUTH = auth_pb2.DESCRIPTOR.services_by_name["AuthService"]
FILES = files_pb2.DESCRIPTOR.services_by_name["FilesService"]
STORAGE = storage_pb2.DESCRIPTOR.services_by_name["StorageService"]
MULTIPLEX = multiplex_pb2.DESCRIPTOR.services_by_name["Multiplex"]
