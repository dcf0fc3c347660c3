"""The essay's script from its settings on, with another log and lock, without its test for root and its pause."""

ESSAY_SCRIPT = """#!/usr/bin/env bash
set -euo pipefail
LOG_FILE="$SCRIPT_LOG"
LOCK_FILE="$SCRIPT_LOCK"
COFFEE_CUPS=${1:-0}
MESSAGE=${2:-"Staring into the void. The void is returning a 502 Bad Gateway."}
log_debug() {
local msg="$1"
local timestamp
timestamp=$(date +'%Y-%m-%dT%H:%M:%S.%N%z')
echo "[${timestamp}] [COFFEE: ${COFFEE_CUPS}] ${msg}" | tee -a "${LOG_FILE}"
}
(
flock -e 200
log_debug "Acquired sanity lock."
log_debug "Hypothesis: ${MESSAGE}"
if [[ ${COFFEE_CUPS} -gt 4 ]]; then
log_debug "WARNING: Caffeine toxicity imminent. Logic may be compromised."
fi
log_debug "Releasing sanity lock."
) 200> "${LOCK_FILE}"
exit 0
"""
