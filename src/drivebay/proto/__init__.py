"""The contracts as protobuf: the promise to every other language. `make proto` regenerates what is generated.

Each `.proto` stands alone; `wire.shape.compare` holds it to the Python contract it mirrors.
"""

from .drivebay.auth.v1 import auth_pb2
from .drivebay.files.v1 import files_pb2
from .drivebay.storage.v1 import storage_pb2

AUTH = auth_pb2.DESCRIPTOR.services_by_name["AuthService"]
FILES = files_pb2.DESCRIPTOR.services_by_name["FilesService"]
STORAGE = storage_pb2.DESCRIPTOR.services_by_name["StorageService"]
