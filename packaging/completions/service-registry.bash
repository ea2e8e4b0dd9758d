# bash completion for service-registry(8)

_service_registry() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    case $previous in
        --backend) mapfile -t COMPREPLY < <(compgen -W "memory redis" -- "$current") ;;
        --reads) mapfile -t COMPREPLY < <(compgen -W "mirror redis" -- "$current") ;;
        --log-level) mapfile -t COMPREPLY < <(compgen -W "error warn info debug trace off" -- "$current") ;;
        --state-file | --redis-password-file | --redis-ca | --redis-cert | --redis-key)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            ;;
        --port | --health-port | --health-check-port | --bind | --max-bytes | --max-connections | \
            --max-connections-per-address | --redis-url | --redis-prefix | --redis-min-replicas) ;;
        *)
            mapfile -t COMPREPLY < <(compgen -W "healthcheck --port --health-port --health-check-port --bind --backend --state-file
                --state-sync --max-bytes --max-connections --max-connections-per-address --log-level --redis-url
                --redis-password-file --redis-ca --redis-cert --redis-key --redis-prefix --reads --redis-min-replicas
                --check-config -V --version -h --help" -- "$current")
            ;;
    esac
}
complete -F _service_registry service-registry
