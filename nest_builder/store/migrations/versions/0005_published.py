"""published samples."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "published",
        sa.Column("edition", sa.String(length=64), nullable=False),
        sa.Column("sample_id", sa.String(length=16), nullable=False),
        sa.Column("annotation_id", sa.String(length=16), nullable=False),
        sa.Column("entity_key", sa.String(length=128), nullable=False),
        sa.Column("image_sha256", sa.String(length=64), nullable=False),
        sa.Column("phash", sa.String(length=16), nullable=False),
        sa.Column("split", sa.String(length=8), nullable=False),
        sa.Column("model_mask", sa.String(length=16), nullable=False),
        sa.Column("origin", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("edition", "sample_id"),
    )
    with op.batch_alter_table("published", schema=None) as batch_op:
        for column in ("annotation_id", "origin", "sample_id"):
            batch_op.create_index(batch_op.f(f"ix_published_{column}"), [column], unique=False)
    with op.batch_alter_table("edition", schema=None) as batch_op:
        batch_op.add_column(sa.Column("inputs", sa.String(length=64), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("published_at", sa.DateTime(timezone=True), nullable=True))
