#!/usr/bin/env bash
# Rehearse the first step of a cutover: judge every bundle by itself, then dry-run the import of all of them.
# Two answers must be "no": one bundle was exported under a lease, and one cannot follow its chain neighbour.
# Ends with 0 only when exactly these are refused, for exactly these reasons.
# Needs dwctl and its python3 on the PATH (`make rehearse` sees to it).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

command -v dwctl >/dev/null || { echo "dwctl is not on the PATH; run this with: make rehearse" >&2; exit 2; }

bundles=examples/orders/bundles
leased="refused-leased-1.json tasks.leased_task_present"
linked="chain-sub-1-run-2.json set.link_shared"
failures=0

# expect WHAT GOT WANTED: compare, say so, and remember a difference.
expect() {
  if [[ $2 == "$3" ]]; then
    printf '  as expected: %s\n' "$1"
  else
    printf '  NOT AS EXPECTED: %s\n    wanted: %s\n    got:    %s\n' "$1" "${3//$'\n'/; }" "${2//$'\n'/; }"
    failures=$((failures + 1))
  fi
}

# refused: from JSON lines on stdin, how many bundles were judged, then each refused one with its rules.
refused() {
  python3 -c '
import json, pathlib, sys
items = [json.loads(line) for line in sys.stdin]
print(len(items))
for item in items:
    if item["verdict"] not in ("ok", "warning"):
        foreseen = [one["rule"] for one in item.get("foreseen", []) if one["severity"] == "error"]
        rules = [*(item["reference"]["error_rules"] or []), *item["own_rules"], *foreseen]
        print(pathlib.Path(item["file"]).name, *rules)
'
}

# rehearse WANTED COMMAND…: show and run a command whose answer must be "no", then ask it again as a program would.
rehearse() {
  local wanted=$1 code=0 lines
  shift
  printf '\n$ %s\n' "$*"
  "$@" || code=$?
  lines=$("$@" --output jsonl) || true
  expect "exit code 1: the answer is no" "$code" 1
  expect "all $total bundles were judged, and refused are: ${wanted//$'\n'/; }" \
    "$(refused <<<"$lines")" "$total"$'\n'"$wanted"
}

total=$(find "$bundles" -name '*.json' | wc -l)
total=$((total))
echo "Rehearsal of $bundles: $total bundles, judged offline."
rehearse "$leased" dwctl bundle verify "$bundles"
rehearse "$linked"$'\n'"$leased" dwctl history-import "$bundles" --dry-run --offline --namespace production

if ((failures)); then
  printf '\nRehearsal FAILED: %d answers were not as expected.\n' "$failures"
  exit 1
fi
printf '\nRehearsal passed: %d of %d bundles would import; the two that must be refused are, for the right reasons.\n' \
  "$((total - 2))" "$total"
