"""Entries of the trail leave for an archive, as in a trail of millions of them: partitions end where a test wants it."""

import subprocess

from strongroom import eventually


def split(place, bound):
    """Partitions as a trail of millions of entries has them: one ends at `bound`, one a bundle later."""
    place.psql(f"""SET ROLE strongroom_owner;
        ALTER TABLE audit.leaf DETACH PARTITION audit.leaf_00000000;
        CREATE TABLE audit.leaf_a (LIKE audit.leaf INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
        CREATE TABLE audit.leaf_b (LIKE audit.leaf INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
        CREATE TABLE audit.leaf_c (LIKE audit.leaf INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
        ALTER TABLE audit.leaf ATTACH PARTITION audit.leaf_a FOR VALUES FROM (0) TO ({bound});
        ALTER TABLE audit.leaf ATTACH PARTITION audit.leaf_b FOR VALUES FROM ({bound}) TO ({bound + 256});
        ALTER TABLE audit.leaf ATTACH PARTITION audit.leaf_c FOR VALUES FROM ({bound + 256}) TO (1048576);
        INSERT INTO audit.leaf SELECT * FROM audit.leaf_00000000;
        DROP TABLE audit.leaf_00000000;
        ALTER TABLE audit.leaf_c RENAME TO leaf_00000000""")


def keep(place, last, more):
    """The archive has entry `last`, and the service does not run: where a partition ends behind it. So many entries follow that."""
    bound = (last // 256 + 1) * 256
    place.psql(f"INSERT INTO audit.pending (evt, mac) SELECT 'no event', '' FROM generate_series(1, {bound + more - last})")  # each is told
    eventually(lambda: int(place.value("SELECT size FROM audit.head")) >= bound + more, "they are entries")
    place.custody("audit", "copy", "--dir", str(place.dir / "archive"), person="auditor-1")
    place.stop("custodyd")
    split(place, bound)
    return bound


def prune(place, bound):
    return subprocess.run([str(place.dir / "bin/custodyd"), "prune", "--config", str(place.dir / "etc/custodyd.conf"), "--archive",
                           str(place.dir / "archive"), "--before", str(bound), "--person", "auditor-1"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, env=place.environment, check=False)
