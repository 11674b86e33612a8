"""External ids within their organisation"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("agreements", schema=None) as batch_op:
        batch_op.add_column(sa.Column("recorded_by_id", sa.String(length=40), nullable=True))
        batch_op.drop_constraint(batch_op.f("uq_agreements_external_id"), type_="unique")
        batch_op.create_index(
            "uq_agreements_external",
            ["external_id"],
            unique=True,
            sqlite_where=sa.text("recorded_by_id IS NULL"),
            postgresql_where=sa.text("recorded_by_id IS NULL"),
        )
        batch_op.create_index(
            "uq_agreements_recorded_by_external", ["recorded_by_id", "external_id"], unique=True
        )

    with op.batch_alter_table("claims", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_claims_external_id"), type_="unique")
        batch_op.create_index(
            "uq_claims_external",
            ["external_id"],
            unique=True,
            sqlite_where=sa.text("stated_by_id IS NULL"),
            postgresql_where=sa.text("stated_by_id IS NULL"),
        )
        batch_op.create_index("uq_claims_stated_by_external", ["stated_by_id", "external_id"], unique=True)

    with op.batch_alter_table("enclaves", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_enclaves_external_id"), type_="unique")
        batch_op.create_index("uq_enclaves_home_unit_external", ["home_unit_id", "external_id"], unique=True)

    with op.batch_alter_table("networks", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_networks_external_id"), type_="unique")
        batch_op.create_index(
            "uq_networks_external",
            ["external_id"],
            unique=True,
            sqlite_where=sa.text("operator_id IS NULL"),
            postgresql_where=sa.text("operator_id IS NULL"),
        )
        batch_op.create_index("uq_networks_operator_external", ["operator_id", "external_id"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("networks", schema=None) as batch_op:
        batch_op.drop_index("uq_networks_operator_external")
        batch_op.drop_index(
            "uq_networks_external",
            sqlite_where=sa.text("operator_id IS NULL"),
            postgresql_where=sa.text("operator_id IS NULL"),
        )
        batch_op.create_unique_constraint(batch_op.f("uq_networks_external_id"), ["external_id"])

    with op.batch_alter_table("enclaves", schema=None) as batch_op:
        batch_op.drop_index("uq_enclaves_home_unit_external")
        batch_op.create_unique_constraint(batch_op.f("uq_enclaves_external_id"), ["external_id"])

    with op.batch_alter_table("claims", schema=None) as batch_op:
        batch_op.drop_index("uq_claims_stated_by_external")
        batch_op.drop_index(
            "uq_claims_external",
            sqlite_where=sa.text("stated_by_id IS NULL"),
            postgresql_where=sa.text("stated_by_id IS NULL"),
        )
        batch_op.create_unique_constraint(batch_op.f("uq_claims_external_id"), ["external_id"])

    with op.batch_alter_table("agreements", schema=None) as batch_op:
        batch_op.drop_index("uq_agreements_recorded_by_external")
        batch_op.drop_index(
            "uq_agreements_external",
            sqlite_where=sa.text("recorded_by_id IS NULL"),
            postgresql_where=sa.text("recorded_by_id IS NULL"),
        )
        batch_op.create_unique_constraint(batch_op.f("uq_agreements_external_id"), ["external_id"])
        batch_op.drop_column("recorded_by_id")
