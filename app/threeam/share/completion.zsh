#compdef 3am
_3am() {
  local line
  local -a found values shown
  found=("${(@f)$(@PROGRAM@ completion candidates -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ ${found[1]} == :files ]]; then
    _files
    return
  fi
  for line in "${(@)found:#}"; do
    values+=("${line%%$'\t'*}")
    shown+=("${line%%$'\t'*}  ${line#*$'\t'}")
  done
  (( $#values )) && compadd -l -d shown -a values
}
compdef _3am 3am
