"""What a release looks like with a stack file, as far as Git and Compose say without a worker."""

from app.api.model import ResponseModel
from app.api.plan import PlannedImage


class ReleasePreview(ResponseModel):
    """The release `tag`, empty if no tag fits. `problems` would refuse it; `images` are those of the moved services."""

    tag: str = ""
    sha: str = ""
    images: tuple[PlannedImage, ...] = ()
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
