"""The real parts that tests stand on: registry servers, a token server, certificates, images, skopeo.

Nothing here imports regframe: what regframe says is compared with what other programs say.
"""

from tests.parts.certificates import Certificate, make_certificate, make_other_certificate
from tests.parts.front import Front, start_front, start_proxy
from tests.parts.podman_service import start_podman
from tests.parts.programs import missing, needs, run
from tests.parts.registry_server import (
    PASSWORD,
    USERNAME,
    RegistryServer,
    start_registry,
    write_htpasswd,
)
from tests.parts.samples import (
    SAMPLE_IMAGES,
    SAMPLE_PLATFORMS,
    SAMPLE_SHAPES,
    push_sample_images,
)
from tests.parts.shapes import Pusher, pushing
from tests.parts.skopeo_client import copy_to_registry, skopeo
from tests.parts.token_server import TokenServer, start_token_server

__all__ = [
    "PASSWORD",
    "SAMPLE_IMAGES",
    "SAMPLE_PLATFORMS",
    "SAMPLE_SHAPES",
    "USERNAME",
    "Certificate",
    "Front",
    "Pusher",
    "RegistryServer",
    "TokenServer",
    "copy_to_registry",
    "make_certificate",
    "make_other_certificate",
    "missing",
    "needs",
    "push_sample_images",
    "pushing",
    "run",
    "skopeo",
    "start_front",
    "start_podman",
    "start_proxy",
    "start_registry",
    "start_token_server",
    "write_htpasswd",
]
