# Write the note that `3am log [-q] TEXT…` would write, without starting Python. Return 100 if 3am must do it itself:
# the text needs escapes, the last line is torn, a night begins, the lock is held for long, a file is not as expected,
# the size of files is limited (the shell would be killed by SIGXFSZ), the settings are not those that this was made of.
_3am_append() {
  [ -z "${ZSH_VERSION-}" ] || emulate -L sh
  local IFS=' ' quiet='' word='' text='' log='' lock='' beside='' stamp='' line='' torn='' code=100
  local newline='
'
  shift
  case "${1-}" in -q | --quiet) quiet=yes && shift ;; esac
  for word in "$@"; do case "$word" in -*) return 100 ;; esac; done
  text="$*"
  [ "${#text}" -le 2000 ] || return 100
  _3am_has_settings || return 100

  log="${SANITY_LOG-}"
  if [ -z "$log" ]; then
    case "${SANITY_JOURNAL-}" in
      '') log=@LOG@ ;;
      *[!A-Za-z0-9_-]*) return 100 ;;
      *) log=@STATE_DIR@/"$SANITY_JOURNAL".log ;;
    esac
  fi
  case "$log" in //* | [!/]* | *.[0-9][0-9][0-9][0-9]*.log) return 100 ;; esac
  lock="${SANITY_LOCK:-$log.lock}"
  if [ "$log" = @SCRIPT_LOG@ ]; then
    lock="${SANITY_LOCK:-@SCRIPT_LOCK@}"
    [ "$lock" = "$log.lock" ] || beside="$log.lock"
  elif [ "$log" -ef @SCRIPT_LOG@ ]; then
    return 100
  fi
  for word in "$log" "$lock" ${beside:+"$beside"}; do
    [ -f "$word" ] && [ ! -L "$word" ] && [ -w "$word" ] || return 100
    [ -O "$word" ] || [ ! -k "${word%/*}/" ] || return 100
  done
  [ ! "$log" -ef "$lock" ] || return 100

  {
    {
      if command flock -w 1 9 && { [ -z "$beside" ] || command flock -w 1 8; } \
        && [ /dev/fd/7 -ef "$log" ] && [ /dev/fd/9 -ef "$lock" ]; then
        stamp="$(command date +'%Y-%m-%dT%H:%M:%S.%N%z')"
        line="$(command ulimit -f && { command tail -c 32768 "$log" && echo .; } | LC_ALL=C _3AM_STAMP="$stamp" _3AM_TEXT="$text" \
          _3AM_CHOICE="${SANITY_LOG-}|${SANITY_JOURNAL-}|${SANITY_LOCK-}" _3AM_USER=@USER@ \
          _3AM_BY=@USER@@@HOST@:"$$" _3AM_PANE="${TMUX:+${TMUX_PANE-}}" command awk @AWK@)"
        case "$line" in
          "unlimited$newline"*) line="${line#*"$newline"}" ;;
          *) line='' ;;
        esac
        if [ -z "$line" ]; then
          :
        elif printf '%s\n' "$line" >&7 2>/dev/null; then
          code=0
        else # the disk is full: what is there of the line is cut off again, and 3am refuses the text
          torn="$({ command tail -c 32768 "$log" && echo .; } |
            LC_ALL=C command awk '{ last = $0 } END { print length(last) - 1 }')"
          [ "$torn" = 0 ] || command truncate -c -s "-$torn" "$log"
        fi
      fi
    } 9>>"$lock" 8>>"${beside:-/dev/null}"
    if [ "$code" = 0 ] && @SYNC@ && ! command sync -d /dev/fd/7; then
      printf '3am: unsure: @%s: the disk did not confirm it\n' "$stamp" >&2
      code=3
    fi
    [ "$code" != 0 ] || [ -n "$quiet" ] || [ ! -e /dev/fd/1 ] || [ /dev/fd/1 -ef "$log" ] \
      || printf '%s\n' "$line" 2>/dev/null || {
      printf '3am: written as @%s, but stdout cannot be written\n' "$stamp" >&2
      code=3
    }
  } 7>>"$log"
  return "$code"
}

# Return 0 if the settings are those that this was made of: the variables, and the settings file byte for byte.
_3am_has_settings() {
  local text=''
  [ @VARIABLES@ = @VALUES@ ] && @SAME_FILE@
}

_3am_program() { if [ -x @PROGRAM@ ]; then @PROGRAM@ "$@"; else command 3am "$@"; fi; }

_3am_log() {
  local code=0
  _3am_append "$@" || code=$?
  [ "$code" = 100 ] || return "$code"
  _3am_program "$@"
}
