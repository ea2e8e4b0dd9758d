#compdef service-registry
# zsh completion for service-registry(8)

_arguments -s \
  '::command:(healthcheck)' \
  '--port[registry port]:port:' \
  '(--health-check-port)--health-port[health port]:port:' \
  '(--health-port)--health-check-port[the same as --health-port]:port:' \
  '*--bind[where to listen]:address:' \
  '--backend[where records live]:backend:(memory redis)' \
  '--state-file[file that keeps registrations over a restart]:file:_files' \
  '--state-sync[registrations survive a power failure]' \
  '--max-bytes[most that names and records may take]:size:' \
  '--max-connections[most connections of the registry port]:number:' \
  '--max-connections-per-address[most of them for one address]:number:' \
  '--log-level[least severe lines]:level:(error warn info debug trace off)' \
  '--redis-url[where Redis is]:url:' \
  '--redis-password-file[file with the password]:file:_files' \
  '--redis-ca[CAs that are trusted]:file:_files' \
  '--redis-cert[own certificate]:file:_files' \
  '--redis-key[its key]:file:_files' \
  '--redis-prefix[what keys begin with]:text:' \
  '--reads[who answers a lookup]:from:(mirror redis)' \
  '--redis-min-replicas[replicas that must have a write]:number:' \
  '--check-config[check options and variables]' \
  '(-V --version)'{-V,--version}'[print the version]' \
  '(-h --help)'{-h,--help}'[print the options]'
