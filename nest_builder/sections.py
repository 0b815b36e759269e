"""The tables of the settings file, one class each."""

import datetime as dt
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from nest_builder.export.naming import check_name, month_name

DATA = Path(__file__).resolve().parent.parent / "data"


class Section(BaseModel):
    """A table of the settings file; unknown keys are errors, since a misspelt key would silently do nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSettings(Section):
    """Where news comes from."""

    feeds: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()  # front pages of outlets without a feed
    max_entries: int = Field(400, ge=1, description="entries taken from one feed or site")
    refresh_hours: float = Field(6, gt=0, description="a source is fetched again after this time")
    window_days: int = Field(100, ge=1, description="older articles are stale")


class WebSettings(Section):
    """How the polite client behaves."""

    user_agent: str = "nest-builder/0.1 (+https://github.com/nest-builder/nest-builder; research dataset)"
    resolve: dict[str, str] = Field(
        {}, description="host pattern -> origin that answers for it, like curl --connect-to"
    )
    allow_hosts: tuple[str, ...] = Field((), description="host patterns that may resolve to private addresses")
    requests_per_second: float = Field(2.0, gt=0, description="per host")
    workers: int = Field(8, ge=1)
    per_host: int = Field(2, ge=1, description="connections at a time to one host")
    timeout_seconds: float = Field(20.0, gt=0, description="for one exchange, redirects included")
    retries: int = Field(3, ge=0)
    max_retry_after_seconds: float = Field(120.0, ge=0)
    max_page_bytes: int = 5_000_000
    max_image_bytes: int = 20_000_000
    max_redirects: int = 5
    robots_hours: float = 24.0
    respect_opt_out: bool = True


class ExtractSettings(Section):
    """Which articles count."""

    extractor: str = "nest_builder.news.articles:TrafilaturaExtractor"
    languages: tuple[str, ...] = ("en",)
    min_characters: int = 300


class EntitySettings(Section):
    """Recognition, knowledge and novelty."""

    cutoff: dt.datetime = dt.datetime(2025, 6, 30, tzinfo=dt.UTC)
    spacy_model: str = str(DATA / "models" / "spacy-news")
    snapshot: str = str(DATA / "knowledge" / "snapshot.json")
    encyclopedia: str | None = Field(None, description="a MediaWiki api.php")
    recheck_days: int = Field(30, ge=1, description="days after which the encyclopedia is asked again about a name")
    hypernyms: dict[str, tuple[str, ...]] = Field(
        {}, description="detector's word -> further words for it; empty: the built-in list"
    )
    min_articles: int = Field(1, ge=1, description="articles that must name an entity")

    @field_validator("cutoff")
    @classmethod
    def _aware(cls, value: dt.datetime) -> dt.datetime:
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value


class ImageSettings(Section):
    """Which pictures are kept."""

    min_side: int = 96
    max_pixels: int = 40_000_000
    near_duplicate_bits: int = Field(6, ge=0, le=64, description="Hamming distance of 64-bit perceptual hashes")
    max_per_entity: int = 60


class AnnotateSettings(Section):
    """The models that find and outline things."""

    detector: str = "nest_builder.annotate.detect:GroundingDino"
    detector_model: str = str(DATA / "models" / "grounding-dino-tiny")
    mask_model: str = str(DATA / "models" / "sam-tiny")
    mask_windows: tuple[float, ...] = Field(
        (1.35, 2.0),
        description="each box is outlined in windows so many times its size; empty: in the picture, encoded once",
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    box_threshold: float = 0.2
    nms_iou: float = 0.5
    batch_size: int = 16


class AskSettings(Section):
    """Questions."""

    min_p_correct: float = Field(0.0, ge=0, le=1)


class ReviewSettings(Section):
    """What people look at, and where: Label Studio."""

    budget_share: float = Field(0.2, ge=0, le=1, description="looks of people that an edition may cost, by its samples")
    budget_items: int | None = Field(None, ge=0, description="the same as a number; the least of the limits holds")
    budget_minutes: float | None = Field(None, ge=0, description="the same as time")
    seconds_per_item: float = Field(20.0, gt=0, description="what a look takes, until people's own times are known")
    audit_share: float = Field(0.2, ge=0, lt=1, description="of the budget, for confident samples drawn by chance")
    double_share: float = Field(0.1, ge=0, le=1, description="of the uncertain samples, looked at by two people")
    same_event: float = Field(
        0.85, gt=0, le=1, description="what another look at the same entity of the same day counts beside the last one"
    )

    url: str = Field("http://127.0.0.1:8080", description="of the Label Studio server")
    token_variable: str = Field(
        "LABEL_STUDIO_API_KEY", description="environment variable with a personal access token, or a legacy token"
    )
    project_prefix: str = Field(
        "NEST ", max_length=20, description="of the projects' titles, before the edition's name"
    )
    batch_size: int = Field(50, ge=1, le=100, description="tasks sent or fetched at a time")
    timeout_seconds: float = Field(120.0, gt=0, description="for one answer of the server")
    environment: str | None = Field(
        None, description="folder of the local Label Studio's own environment; by default in the user's cache folder"
    )


class ExportSettings(Section):
    """Editions."""

    edition: str | None = Field(None, description="name; by default year and month of the run's clock")
    min_p_correct: float = Field(0.5, ge=0, le=1, description="samples under it are left out and counted")
    verdict_p_correct: float = Field(
        0.9, ge=0, le=1, description="under it no verdict is published before a person has looked at the annotation"
    )
    takedown: str | None = Field(
        None,
        description="a file with one URL, host, SHA-256 or sample's id a line; by default takedown.txt in workdir, if there is one",
    )
    publish: Literal["now", "due", "withdrawals"] = Field(
        "now",
        description="now: the edition of the clock's month; due: of months that have ended; withdrawals: only what a takedown calls for",
    )
    window_days: int = Field(
        0, ge=0, description="how old a sample may be when its edition's month ends; 0: as old as nobody published it"
    )
    images: Literal["embedded", "links"] = Field(
        "embedded", description="links: pictures stay where they are, `nest edition download` fetches and checks them"
    )
    test_days: int = Field(30, ge=0, description="samples of the newest days form the test split")
    ordinary: str = Field(
        "", description="package.module:function(kind, count) that yields questions which need no search, for NEST+"
    )
    rows_per_group: int = 100

    @field_validator("edition")
    @classmethod
    def _name(cls, value: str | None) -> str | None:
        return value if value is None else check_name(value)

    def name_at(self, now: dt.datetime) -> str:
        """Return the name of the edition that a run at a time is about."""
        return self.edition or month_name(now)


class RoseSettings(Section):
    """The segmenter that is asked, and the retrieval around it. Detector and mask model are those of ``annotate``."""

    segmenter: str = Field(
        "lisa", description="lisa, lisa:MODEL, grounded-sam, remote:URL, an entry point or package.module:Name"
    )
    segmenter_options: dict[str, Any] = Field({}, description="keyword arguments for a segmenter of one's own")
    search: Literal["searxng", "brave", "articles"] = Field(
        "articles", description="articles: the pipeline's own store"
    )
    search_url: str = Field("", description="of the SearxNG instance; of Brave's API where it is another")
    text_embedder: str = Field("", description="a sentence model, a folder or a hub id; empty: hashed words, no model")
    image_embedder: str = Field(
        str(DATA / "models" / "clip-tiny"), description="a CLIP model, a folder or a hub id; empty: no VPE"
    )
    visual_entities: Literal["references", "cloud-vision"] = Field(
        "references",
        description="what names things in the picture: reference pictures, or Google Cloud Vision (key in GOOGLE_VISION_KEY)",
    )
    vpe: dict[str, float] = Field(
        {},
        description="thresholds of VPE that are not the embedded CLIP's: reach, verify, margin, accept, absent, sure, same, slack, agree",
    )
    glance: bool = Field(
        True,
        description="WebSense looks at the picture too: a single thing of the kind asked for, if the model finds it, needs no search",
    )
    describe: Literal["unknown", "all"] = Field(
        "unknown",
        description="which answers TPE describes to the segmenter: those that the snapshot does not know, or all",
    )
    language_url: str = Field(
        "", description="an OpenAI-compatible API; empty: rules only. The key is in OPENAI_API_KEY"
    )
    language_model: str = Field("", description="the model's name there")
    cache: str | None = Field(None, description="file; by default rose.sqlite in workdir; empty: in memory")


class ValidationSettings(Section):
    """Which samples defeat the static models, and what solves them. ROSE is that of ``rose``, around each of the segmenters."""

    enabled: bool = False
    segmenters: tuple[str, ...] = Field(
        ("lisa",), min_length=1, description="static models, named as in rose.segmenter"
    )
    control: str = Field(
        "", description="package.module:function that returns questions about known entities, with masks"
    )
    control_floor: float = Field(0.6, ge=0, le=1, description="gIoU on them under which no verdict is given")
    iou: float = Field(0.5, gt=0, le=1, description="from this IoU on a sample is solved")
    slack: float = Field(0.05, ge=0, lt=0.5, description="no verdict that hangs on an IoU this near to the threshold")
    defeated: Literal["all", "any"] = Field("all", description="how many of the static models must fail")
    paraphrases: int = Field(3, ge=1, le=5, description="ways to put each question; the majority decides")
    asked_after_days: int = Field(30, ge=0, description="how long after its article a sample's question is put")


class LogSettings(Section):
    """What is logged, on standard error."""

    format: Literal["text", "json"] = Field("text", description="json: one object a line, for whatever collects logs")
    level: Literal["warning", "info", "debug"] = "warning"


class MetricsSettings(Section):
    """Figures for a monitoring system."""

    textfile: str | None = Field(
        None, description="file that a run writes at its end, for node_exporter's textfile collector; it ends in .prom"
    )


class DiskSettings(Section):
    """Bounds of what a run may take, and what may go."""

    min_free_bytes: int = Field(
        500_000_000,
        ge=0,
        description="collection waits while less is free beside the work directory or the blobs; export while an edition leaves less",
    )
    max_bytes: int | None = Field(
        None, ge=0, description="collection waits while work directory and blobs take more; empty: no limit"
    )
    grace_hours: float = Field(
        24.0, ge=1, description="younger blobs are never garbage: a run may be about to refer to them"
    )
    keep_bodies_days: int | None = Field(
        None,
        ge=1,
        description="`nest gc` drops bodies of pages that were extracted and are older; empty: it keeps them",
    )


class NotifySettings(Section):
    """Who is told what of a night. Addresses hold secrets, so they are never in a file."""

    variable: str = Field(
        "NEST_NOTIFY_URLS", description="environment variable with Apprise addresses, one a line or split by spaces"
    )
    block: str = Field(
        "", description="a Prefect notification block that the flow tells too, such as slack-webhook/nest"
    )
    events: tuple[Literal["published", "failed", "source", "queue"], ...] = Field(
        ("published", "failed", "source", "queue"),
        description="an edition came out, a night failed, a source gave nothing, more waits for people",
    )
    silent_days: int = Field(7, ge=1, description="a source without a new article for so long gave nothing")
    queue_growth: int = Field(1, ge=1, description="so many more samples that wait for people are worth a word")


class ScaleSettings(Section):
    """Where the batches of stages run whose batches do not depend on each other. It needs the extra ``scale``."""

    runner: Literal["here", "dask", "ray"] = Field(
        "here", description="here: one after the other, in the run's process"
    )
    workers: int = Field(2, ge=1, description="processes, of a cluster that the run starts on its own machine")
    address: str = Field(
        "", description="of a Dask scheduler or a Ray head that runs already; empty: a cluster of its own"
    )


class NewsworldSettings(Section):
    """The simulated web. ``enabled`` starts its server beside the run; nothing else in the product looks at it."""

    enabled: bool = True
    seed: int = 0
    latency_s: float = Field(0.0, ge=0, le=10, description="pause before every answer, as on a real network")
