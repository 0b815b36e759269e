"""The pipeline: the stages in their order. Each is one file in ``nest_builder/stages``; they meet in the store and nowhere else."""

from nest_builder.operations.disk import bounded
from nest_builder.stage import Stage
from nest_builder.stages.annotate import Annotate
from nest_builder.stages.ask import Ask
from nest_builder.stages.assess import Assess
from nest_builder.stages.collect import Collect
from nest_builder.stages.export import Export
from nest_builder.stages.extract import Extract
from nest_builder.stages.gather import Gather
from nest_builder.stages.recognize import Recognize
from nest_builder.stages.review import Review
from nest_builder.workspace import Workspace


def build_stages(workspace: Workspace) -> tuple[Stage, ...]:
    """Return the stages from sources to an edition.

    Models load when a stage first has work, so that a run with nothing to do costs nothing. ``validate`` is there where the settings
    ask for it.
    """
    settings, blobs, client, clock = workspace.settings, workspace.store.blobs, workspace.client, workspace.clock
    validation: tuple[Stage, ...] = ()
    if settings.validation.enabled:
        from nest_builder.stages.validate import Validate  # ROSE and what it needs, for those who want it

        validation = (Validate(settings, workspace.store, client, clock),)
    return (
        bounded(Collect(settings.sources, settings.web, blobs, client, clock), settings),
        Extract(settings.extract, blobs),
        Recognize(settings.entities),
        Assess(settings.entities, client, clock),
        bounded(Gather(settings.images, settings.web, blobs, client), settings),
        Annotate(settings.annotate, blobs),
        Ask(settings.ask, settings.entities.hypernyms),
        *validation,
        Review(settings, blobs, clock),
        Export(settings.export, workspace.settings, blobs, clock),
    )
