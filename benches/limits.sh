#!/bin/sh
# Measures what the guarantees name: peak memory over a large input, and how soon a run that resumes near its end
# reaches its first new record.
#   benches/limits.sh [BYTES] [FOLDER]     default 10G, a temporary folder (twice the bytes must be free there)
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
bytes=${1:-10G}
folder=${2:-$(mktemp -d)}
onward=$here/target/release/onward
cargo build --release --quiet --manifest-path "$here/Cargo.toml"
mkdir -p "$folder"
cd "$folder"
[ -s big.csv ] || "$here/fixtures/data/repeat.sh" "$here/fixtures/data/runways.csv" "$bytes" big.csv
cat > limits.toml <<'TOML'
[source]
path  = "big.csv"
types = { length_ft = "bigint" }

[[transform]]
filter = "length_ft > 3000 AND surface LIKE 'ASP%'"

[sink]
path = "out.csv"
TOML
rm -rf .onward out.csv .out.csv.onward-*

peak() { awk '/VmHWM/ { print $2 }' "/proc/$1/status" 2>/dev/null || true; }
"$onward" run limits.toml --progress never 2> run.log &
process=$!
most=0
while kill -0 $process 2>/dev/null; do
    now=$(peak $process)
    [ "${now:-0}" -gt "$most" ] && most=$now
    sleep 0.1
done
wait $process
echo "peak memory over $(wc -c < big.csv) bytes: $most KiB"
cat run.log
cp out.csv whole.csv

# Stop it at 99 %: chunks of 1 MiB, a barrier each.
barriers=$(($(wc -c < big.csv) / 1048576 * 99 / 100))
"$onward" run limits.toml --fresh --progress never --stop-after-barriers $barriers 2>/dev/null && exit 1
sync
for round in 1 2 3; do
    start=$(date +%s%N)
    "$onward" run limits.toml --progress never --stop-after-barriers 1 2>/dev/null && exit 1
    end=$(date +%s%N)
    echo "resumed, read one chunk, saved a checkpoint, stopped: $(((end - start) / 1000000)) ms"
done
"$onward" run limits.toml --progress never 2>/dev/null
cmp out.csv whole.csv && echo "the output is the same as without stops"
