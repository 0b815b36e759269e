"""leases."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lease",
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("item", sa.String(length=512), nullable=False),
        sa.Column("holder", sa.String(length=256), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("stage", "item"),
    )
