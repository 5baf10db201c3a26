#!/usr/bin/env bash
# Play the cutover of examples/orders as an operator would, phase by phase, until `dwctl checklist` opens the gate.
# A rehearsal server and a worker run while it plays, and end with it; whatever is made lies in .rehearsal, made anew
# each time. Ends with 0 only when every answer was as expected, and the whole checklist is green.
# Needs dwctl with its extra "rehearsal", and its python3, on the PATH (`make rehearse` sees to it).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

command -v dwctl >/dev/null || { echo "dwctl is not on the PATH; run this with: make rehearse" >&2; exit 2; }

state=.rehearsal
example=../examples/orders
children=()
verdict='^The gate is '

stop() {
  local pid
  for pid in ${children[@]+"${children[@]}"}; do kill "$pid" 2>/dev/null || true; done
  for pid in ${children[@]+"${children[@]}"}; do wait "$pid" 2>/dev/null || true; done
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

# fail SENTENCE: end here; what was printed so far is kept.
fail() {
  printf '\nThe gate is NOT rehearsed: %s\n  logs: %s\n' "$1" "$PWD" >&2
  exit 1
}

# typed WORD…: the words as they would be typed.
typed() {
  local word
  printf '$'
  for word in "$@"; do
    case $word in *[!A-Za-z0-9_./:=,-]*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac
  done
  printf '\n'
}

# run CODE PATTERN COMMAND…: show a command, and what it printed that fits; another exit code ends the rehearsal.
run() {
  local wanted=$1 pattern=$2 code=0
  shift 2
  printf '\n'
  typed "$@"
  "$@" >last.txt 2>last.err || code=$?
  { typed "$@"; cat last.err last.txt; } >>gate.log
  if ((code != wanted)); then
    cat last.err last.txt >&2
    fail "exit code $code, and $wanted was expected, of: $(typed "$@")"
  fi
  if [[ -n $pattern ]]; then
    grep -E "$pattern" last.txt | sed 's/^/  /' || fail "it did not say '$pattern': $(typed "$@")"
  fi
}

# in_file COUNT FILE WHAT: so many lines must stand there.
in_file() {
  local found
  found=$(grep -c . "$2" || true)
  ((found == $1)) || fail "$found $3 in $2, and $1 were expected"
  echo "  as expected: $found $3"
}

phase() { printf '\n== %s\n' "$*"; }

rm -rf "$state"
(umask 077 && mkdir "$state")
cd "$state"
umask 077
cp "$example/cutover.toml" .

# Nobody's own settings, and tokens that nobody needs to know: each process is given what its role has.
unset DURABLE_WORKFLOW_AUTH_TOKEN DURABLE_WORKFLOW_NAMESPACE DURABLE_WORKFLOW_SERVER_URL DURABLE_WORKFLOW_TLS_VERIFY
unset DW_AUTH_DRIVER DW_AUTH_TOKEN
export DW_CONFIG_HOME=$PWD/config NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
token() { python3 -c 'import secrets; print(secrets.token_hex(16))'; }
DW_ADMIN_TOKEN=$(token) DW_OPERATOR_TOKEN=$(token) DW_WORKER_TOKEN=$(token)
export DW_ADMIN_TOKEN DW_OPERATOR_TOKEN DW_WORKER_TOKEN

echo "The gate of examples/orders, on a server of its own; everything lies in $state."

phase "A. Prepare: what the application says of itself"
python3 -c '
import pathlib, sqlite3, sys
with sqlite3.connect("embedded.sqlite") as database:
    database.executescript(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
' "$example/embedded.sql"
echo "  embedded.sqlite is the database of the application, artisan.py stands in for its PHP"
run 0 'v2 runs' dwctl embedded inventory --summary
mkdir evidence
run 0 '' dwctl embedded check --only embedded.v1_drained --only embedded.codec_everywhere --json
cp last.txt evidence/embedded-check.json
for item in 1 3; do
  run 0 '' dwctl checklist attest "$item" --by "make rehearse" --expires 1d --evidence evidence/embedded-check.json \
    --note "A rehearsal has no PHP to run the library's own diagnosis; this is what the database says"
done
run 0 "$verdict" dwctl checklist --phase prepare

phase "The whole gate, before anything was done: it must be shut"
run 1 '' dwctl checklist --json
cp last.txt before.json
python3 -c '
import json
gate = json.load(open("before.json", encoding="utf-8"))
print("  as expected, it is shut:", ", ".join(f"{n} {state}" for state, n in gate["states"].items() if n))
'

phase "B. Deploy: a server, with a token for each role, and the namespace"
dwctl rehearsal serve --port 0 --db server.sqlite --auth token --protocol 1.20 >server.url 2>server.log &
children+=($!)
for _ in $(seq 200); do
  [[ -s server.url ]] && break
  kill -0 "${children[0]}" 2>/dev/null || fail "the rehearsal server did not start; see server.log"
  sleep 0.1
done
DURABLE_WORKFLOW_SERVER_URL=$(cat server.url)
export DURABLE_WORKFLOW_SERVER_URL
run 0 '^ready' dwctl health --wait 20s
run 0 '^production|retention' dwctl namespace ensure production --retention-days 365
run 0 "$verdict" dwctl checklist --phase deploy

phase "C. Workers: one on the queue of both families"
env -u DW_ADMIN_TOKEN -u DW_OPERATOR_TOKEN python3 ../examples/workers/orders_worker.py \
  --url "$DURABLE_WORKFLOW_SERVER_URL" --namespace production --task-queue default --worker-id orders-1 \
  --poll-timeout 2 >worker.log 2>&1 &
children+=($!)
echo "  orders-1 is started: examples/workers/orders_worker.py"
run 0 "$verdict" dwctl checklist --phase workers --wait 20s

phase "D. Starts: the application's starters are paused, and a shadow run goes the whole way"
run 0 "$verdict" dwctl checklist --phase starts

phase "E. Import: open runs of both families; one that a worker holds stays, and so does the approval without a worker"
run 0 '' dwctl embedded inventory --status open --select --eligible \
  --type orders.process --type orders.reminder --type billing.subscription-cycle
grep . last.txt >import.ids
in_file 5 import.ids "runs to import"
run 0 '' dwctl embedded inventory --status open --select
grep . last.txt | grep -vxFf import.ids | sort >stay.ids || true
in_file 2 stay.ids "open runs stay in the application: $(cut -d/ -f1 stay.ids | paste -sd' ' -)"
run 0 '^[0-9]+ (bundles? written|runs?:)' dwctl history-export --source embedded --no-batch --ids-file import.ids --output-dir exports --quiesce
run 1 'exports.complete +1 of' dwctl checklist --only exports.complete
echo "  as expected, it asks for a word on leased-1; a waiver is one, with an owner and an end:"
run 0 '' dwctl checklist waive exports.complete --owner "make rehearse" --expires 1d \
  --reason "leased-1 was held by a worker of the application, and ends there"
run 0 '^[0-9]+ (bundles:|runs proven)' dwctl history-import exports --import-id orders-rehearsal --ledger ledger.db

# A timer that came with an import fires after a repair pass; a server in production asks itself for one, on schedule.
python3 -c '
import json, os, urllib.request
headers = {
    "Accept": "application/json", "Content-Type": "application/json", "X-Namespace": "production",
    "Authorization": "Bearer " + os.environ["DW_ADMIN_TOKEN"], "X-Durable-Workflow-Control-Plane-Version": "2",
}
url = os.environ["DURABLE_WORKFLOW_SERVER_URL"] + "/api/system/repair/pass"
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
answer = json.load(direct.open(urllib.request.Request(url, b"{}", headers), timeout=30))
print("\n  a repair pass handed on", answer["dispatched_tasks"], "timers that were due")
'
run 0 "$verdict" dwctl checklist --phase import --wait 30s

phase "F. Close: closed runs are only kept"
run 0 '' dwctl embedded inventory --status closed --select
grep . last.txt >closed.ids
in_file 6 closed.ids "closed runs to keep"
run 0 '^[0-9]+ (bundles? written|runs?:)' dwctl history-export --source embedded --no-batch --ids-file closed.ids --output-dir archive
run 0 'PROVEN' dwctl archive check archive --deep
run 0 "$verdict" dwctl checklist --phase close

phase "The whole gate again: it must be open"
run 0 '' dwctl checklist --report html=checklist.html --report junit=checklist.xml --report markdown=checklist.md
sed 's/^/  /' last.txt
for report in checklist.html checklist.xml checklist.md; do
  [[ -s $report ]] || fail "$report was not written"
done

printf '\nRehearsal passed: the checklist is green. Its report, to be opened in a browser: %s/checklist.html\n' "$state"
