"""What a release looks like with a stack file, as far as Git and Compose say without a worker."""

from app.api.model import ResponseModel
from app.api.plan import PlannedImage


class ReleasePreview(ResponseModel):
    """The release `tag`, empty if no tag fits; `images` are those of the moved services.

    `problems` would refuse the release, or say why no tag fits.
    """

    tag: str = ""
    sha: str = ""
    images: tuple[PlannedImage, ...] = ()
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
