#!/bin/bash
# migrations/apply: repeatable, safe beside another one, and unwilling where the database is not what it should be.
set -euo pipefail

work=$(mktemp -d /tmp/srmig.XXXXXXXX)
trap 'rm -rf "$work"' EXIT
cp "$STRONGROOM_SOURCE_DIR"/migrations/* "$work"/
apply=$work/apply
createdb one
export PGDATABASE=one

expect() {
    local want=$1 rc=0
    shift
    "$@" >"$work/out" 2>&1 || rc=$?
    [ "$rc" -eq "$want" ] || { echo "$* ended with $rc instead of $want:"; cat "$work/out"; exit 1; }
}

expect 1 "$apply" --check
"$apply" >/dev/null &
first=$!
expect 0 "$apply"
wait "$first"
expect 0 "$apply" --check
[ "$(psql -XAtc 'SELECT count(*) FROM strongroom.migration')" = "$(ls "$work"/0*.sql | wc -l)" ]

echo "-- changed" >>"$work/0002_audit.sql"
expect 3 "$apply"
grep -q '0002_audit.sql was changed' "$work/out"
sed -i '$d' "$work/0002_audit.sql"
expect 0 "$apply"

# Elsewhere it speaks to a server alone that proves its name.
for place in PGHOST=db.invalid PGHOST=/nowhere,db.invalid PGHOST=127.db.invalid PGHOSTADDR=192.0.2.1 PGSERVICE=one; do
    expect 3 env "$place" PGSSLMODE=verify-ca "$apply" --check
    grep -q 'PGSSLMODE must be verify-full' "$work/out"
done
expect 2 env PGHOST=db.invalid PGSSLMODE=verify-full PGCONNECT_TIMEOUT=5 "$apply" --check
grep -q 'could not translate host name' "$work/out"

# A migration that fails leaves nothing behind.
next=$(printf '%04d' $(($(ls "$work"/0*.sql | wc -l) + 1)))
printf 'CREATE TABLE custody.half (a int);\nSELECT 1 / 0;\n' >"$work/${next}_broken.sql"
expect 3 "$apply"
[ "$(psql -XAtc "SELECT to_regclass('custody.half') IS NULL")" = t ]
rm "$work/${next}_broken.sql"

psql -Xqc "INSERT INTO strongroom.migration VALUES ($((10#$next)), 'later.sql', repeat('0', 64))"
expect 3 "$apply"
grep -q 'is newer' "$work/out"

# What waits under the version before stops one that it would not survive, with words that say what to do.
createdb waiting
export PGDATABASE=waiting
mkdir "$work/later"
for file in "$work"/0*.sql; do [[ ${file##*/} < 0026 ]] || mv "$file" "$work/later"; done
expect 0 "$apply"
mv "$work"/later/*.sql "$work"
psql -Xqc "INSERT INTO audit.pending (evt, mac) VALUES ('{}', '')"
expect 3 "$apply"
grep -q 'events wait for their entries: start the version before' "$work/out"
psql -Xqc "DELETE FROM audit.pending" -c "UPDATE audit.head SET size = 1"
expect 3 "$apply"
grep -q 'entries wait for their checkpoint: start the version before' "$work/out"
psql -Xqc "UPDATE audit.head SET size = 0"
expect 0 "$apply"
echo "migrations: passed"
