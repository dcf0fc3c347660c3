_3am_complete() {
  COMPREPLY=()
  local IFS=$'\n'
  mapfile -t COMPREPLY < <(@PROGRAM@ completion candidates --bash "$COMP_TYPE" -- "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  if [[ ${COMPREPLY[0]-} == :files ]]; then
    COMPREPLY=()
    compopt -o default
  fi
}
complete -F _3am_complete 3am
