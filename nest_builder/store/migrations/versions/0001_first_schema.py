"""first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "annotation",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("image_id", sa.String(length=16), nullable=False),
        sa.Column("entity_key", sa.String(length=128), nullable=False),
        sa.Column("phrase", sa.String(), nullable=False),
        sa.Column("negative", sa.Boolean(), nullable=False),
        sa.Column("box", sa.JSON(), nullable=False),
        sa.Column("boxes", sa.JSON(), nullable=False),
        sa.Column("mask", sa.JSON(), nullable=False),
        sa.Column("uncertainty", sa.JSON(), nullable=False),
        sa.Column("p_correct", sa.Float(), nullable=False),
        sa.Column("detector", sa.String(), nullable=False),
        sa.Column("mask_model", sa.String(), nullable=False),
        sa.Column("origin", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("annotation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_annotation_entity_key"), ["entity_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_annotation_image_id"), ["image_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_annotation_origin"), ["origin"], unique=False)

    op.create_table(
        "article",
        sa.Column("url", sa.String(length=512), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("authors", sa.JSON(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("origin", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("url"),
    )
    with op.batch_alter_table("article", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_article_origin"), ["origin"], unique=False)
        batch_op.create_index(batch_op.f("ix_article_text_hash"), ["text_hash"], unique=False)

    op.create_table(
        "claim",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("article_url", sa.String(length=512), nullable=False),
        sa.Column("entity_key", sa.String(length=128), nullable=False),
        sa.Column("relation", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("polarity", sa.String(length=16), nullable=False),
        sa.Column("date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.Column("origin", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("claim", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_claim_article_url"), ["article_url"], unique=False)
        batch_op.create_index(batch_op.f("ix_claim_entity_key"), ["entity_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_claim_origin"), ["origin"], unique=False)

    op.create_table(
        "depiction",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("image_id", sa.String(length=16), nullable=False),
        sa.Column("entity_key", sa.String(length=128), nullable=False),
        sa.Column("support", sa.String(length=16), nullable=False),
        sa.Column("origin", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("depiction", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_depiction_entity_key"), ["entity_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_depiction_image_id"), ["image_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_depiction_origin"), ["origin"], unique=False)

    op.create_table(
        "edition",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("origin", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    with op.batch_alter_table("edition", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_edition_origin"), ["origin"], unique=False)

    op.create_table(
        "entity",
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("aliases", sa.JSON(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("hypernym", sa.String(), nullable=False),
        sa.Column("colour", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("relation", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("article_urls", sa.JSON(), nullable=False),
        sa.Column("origin", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    with op.batch_alter_table("entity", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_entity_category"), ["category"], unique=False)
        batch_op.create_index(batch_op.f("ix_entity_origin"), ["origin"], unique=False)

    op.create_table(
        "entry",
        sa.Column("url", sa.String(length=512), nullable=False),
        sa.Column("source", sa.String(length=512), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("authors", sa.JSON(), nullable=False),
        sa.Column("media", sa.JSON(), nullable=False),
        sa.Column("origin", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("url"),
    )
    with op.batch_alter_table("entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_entry_origin"), ["origin"], unique=False)

    op.create_table(
        "figure",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("article_url", sa.String(length=512), nullable=False),
        sa.Column("image_url", sa.String(length=2048), nullable=False),
        sa.Column("caption", sa.String(), nullable=False),
        sa.Column("credit", sa.String(), nullable=False),
        sa.Column("alt", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("figure", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_figure_article_url"), ["article_url"], unique=False)
        batch_op.create_index(batch_op.f("ix_figure_image_url"), ["image_url"], unique=False)
        batch_op.create_index(batch_op.f("ix_figure_origin"), ["origin"], unique=False)

    op.create_table(
        "image",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("figure_id", sa.String(length=16), nullable=False),
        sa.Column("image_url", sa.String(length=2048), nullable=False),
        sa.Column("article_url", sa.String(length=512), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("phash", sa.String(length=16), nullable=False),
        sa.Column("caption", sa.String(), nullable=False),
        sa.Column("credit", sa.String(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consent", sa.JSON(), nullable=False),
        sa.Column("origin", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("image", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_image_figure_id"), ["figure_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_image_origin"), ["origin"], unique=False)
        batch_op.create_index(batch_op.f("ix_image_sha256"), ["sha256"], unique=False)

    op.create_table(
        "ledger",
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("item", sa.String(length=512), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("dropped", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("stage", "item"),
    )
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_stage_status", ["stage", "status"], unique=False)

    op.create_table(
        "mention",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("article_url", sa.String(length=512), nullable=False),
        sa.Column("figure_id", sa.String(length=16), nullable=True),
        sa.Column("field", sa.String(length=16), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("surface", sa.String(), nullable=False),
        sa.Column("label", sa.String(length=16), nullable=False),
        sa.Column("entity_key", sa.String(length=128), nullable=False),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.Column("origin", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("mention", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mention_article_url"), ["article_url"], unique=False)
        batch_op.create_index(batch_op.f("ix_mention_entity_key"), ["entity_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_mention_origin"), ["origin"], unique=False)

    op.create_table(
        "page",
        sa.Column("url", sa.String(length=512), nullable=False),
        sa.Column("responded_url", sa.String(length=2048), nullable=False),
        sa.Column("source", sa.String(length=512), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("etag", sa.String(), nullable=True),
        sa.Column("last_modified", sa.String(), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consent", sa.JSON(), nullable=False),
        sa.Column("origin", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("url"),
    )
    with op.batch_alter_table("page", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_page_origin"), ["origin"], unique=False)

    op.create_table(
        "sample",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("annotation_id", sa.String(length=16), nullable=False),
        sa.Column("image_id", sa.String(length=16), nullable=False),
        sa.Column("entity_key", sa.String(length=128), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("negative", sa.Boolean(), nullable=False),
        sa.Column("support_text", sa.String(), nullable=False),
        sa.Column("origin", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("sample", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sample_annotation_id"), ["annotation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sample_category"), ["category"], unique=False)
        batch_op.create_index(batch_op.f("ix_sample_entity_key"), ["entity_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_sample_image_id"), ["image_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sample_origin"), ["origin"], unique=False)

    op.create_table(
        "source_state",
        sa.Column("url", sa.String(length=512), nullable=False),
        sa.Column("etag", sa.String(), nullable=True),
        sa.Column("last_modified", sa.String(), nullable=True),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("origin", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("url"),
    )
    with op.batch_alter_table("source_state", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_source_state_origin"), ["origin"], unique=False)

    op.create_table(
        "stage_run",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("run", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("stage_run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stage_run_run"), ["run"], unique=False)
