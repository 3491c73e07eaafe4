#!/bin/bash
# The long form of the kill test: every real-data case, its input repeated to some size, killed with SIGKILL at random
# moments again and again, also while it resumes, and compared with an undisturbed run.
#   benches/kill.sh [BYTES] [KILLS] [SEED] [FOLDER]
#   BYTES   size that each input is repeated to (default 1G)
#   KILLS   kills a job (default 10)
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
bytes=${1:-1G}
kills=${2:-10}
RANDOM=${3:-1}
folder=${4:-$(mktemp -d)}
onward=$here/target/release/onward
cargo build --release --quiet --manifest-path "$here/Cargo.toml"
mkdir -p "$folder"
cd "$folder"

# Lines of a file that are a header; the others have none, or one that may be repeated.
header_lines() {
    case $1 in
    runways.csv | weather.csv | castle_solutions.csv | star_wars_survey.csv) echo 1 ;;
    *) echo 0 ;;
    esac
}

failed=0
total=0
for case in "$here"/fixtures/cases/data-*/; do
    name=$(basename "$case")
    rm -rf "$name"
    mkdir "$name"
    cd "$name"
    cp "$case/job.toml" .
    # Many a repeated record is bad where the file has one bad record; that is not what is tested here.
    while read -r file; do
        mkdir -p "$(dirname "$file")"
        "$here/fixtures/data/repeat.sh" "$here/fixtures/data/$(basename "$file")" "$bytes" "$file" \
            "$(header_lines "$(basename "$file")")"
    done < "$case/data"
    run=("$onward" run job.toml --progress never --set checkpoint.interval=200ms)

    started=$(date +%s%N)
    "${run[@]}" 2> whole.log || [ $? -eq 3 ]
    millis=$((($(date +%s%N) - started) / 1000000 + 1))
    mkdir whole
    for out in out.* rejects.jsonl; do [ -e "$out" ] && mv "$out" whole/; done
    rm -rf .onward

    done_kills=0
    for _ in $(seq "$kills"); do
        "${run[@]}" 2> part.log &
        process=$!
        # On the average all kills together fall into one undisturbed run.
        sleep "$(awk -v r=$RANDOM -v m=$millis -v k="$kills" \
            'BEGIN { printf "%.3f", 0.02 + r / 32768 * 2 * m / 1000 / k }')"
        kill -9 $process 2>/dev/null && done_kills=$((done_kills + 1))
        wait $process 2>/dev/null || true
    done
    "${run[@]}" 2> last.log || [ $? -eq 3 ]
    total=$((total + done_kills))
    same=yes
    for out in whole/*; do cmp -s "$out" "$(basename "$out")" || same=NO; done
    [ $same = yes ] || failed=1
    echo "$name: $done_kills kills, undisturbed in $millis ms, identical: $same"
    cd ..
    [ $same = no ] || rm -rf "$name"
done
echo "$total kills in all"
exit $failed
