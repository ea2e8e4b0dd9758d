//! What `--help` prints. README.md and docs/operations.md say the same; a test holds them together.

/// The whole of `--help`.
pub const HELP: &str = "\
service-registry: agents that talk over ZeroMQ register here, and find each other by name

Usage: service-registry [OPTION]...
       service-registry healthcheck [OPTION]...    ask the one that runs with these options whether it lives

Options, each with its environment variable and default (a flag wins over a variable):
  --port PORT          SERVICE_REGISTRY_PORT         7100     agents, by ZMQ and by HTTP POST; 0: the system picks
  --health-port PORT   SERVICE_REGISTRY_HEALTH_PORT  8100     health checks, by HTTP and by ZMQ; 0: the system picks
                       (--health-check-port is the same flag)
  --bind ADDRESS       SERVICE_REGISTRY_BIND         ::       where to listen; may be repeated (in the variable,
                       commas part addresses). The default is every address of the host, IPv6 and IPv4
  --backend NAME       SERVICE_REGISTRY_BACKEND      memory   where records live: memory, or redis
  --state-file PATH    SERVICE_REGISTRY_STATE_FILE   none     a file that keeps all registrations over a restart; each
                       is in it before it is acknowledged. With redis: what was last known, until Redis answers
  --state-sync         SERVICE_REGISTRY_STATE_SYNC   no       each registration survives a power failure as well
                       (in the variable, yes or no)
  --max-bytes SIZE     SERVICE_REGISTRY_MAX_BYTES    256MiB   the most that names and records may take in memory,
                       from 1KiB to 1TiB
  --max-connections N  SERVICE_REGISTRY_MAX_CONNECTIONS  4096
                       the most connections of the registry port; fewer where the system allows too few file
                       descriptors. The health port has 256 of its own
  --max-connections-per-address N  SERVICE_REGISTRY_MAX_CONNECTIONS_PER_ADDRESS  half
                       the most of them for one address
  --log-level LEVEL    SERVICE_REGISTRY_LOG          info     error, warn, info, debug, trace or off

With --backend redis:
  --redis-url URL      SERVICE_REGISTRY_REDIS_URL    redis://localhost:6379/0
                       redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss:// for TLS, redis+unix:///PATH[?db=DB],
                       redis+sentinel://HOST[:PORT],HOST[:PORT]/SERVICE[/DB]. Every user of the host sees a flag: put
                       a password into the variable or a file
  --redis-password-file PATH  SERVICE_REGISTRY_REDIS_PASSWORD_FILE  none
                       a file that holds the password and nothing else, by its absolute path
  --redis-ca PATH      SERVICE_REGISTRY_REDIS_CA     system   for rediss://, the CAs that may have issued the server's
                       certificate, in PEM: a file by its absolute path, or the system's
  --redis-cert PATH    SERVICE_REGISTRY_REDIS_CERT   none     for a server that wants one, our own certificate…
  --redis-key PATH     SERVICE_REGISTRY_REDIS_KEY    none     …and its key
  --redis-prefix TEXT  SERVICE_REGISTRY_REDIS_PREFIX  service_registry:
                       what the keys of all records begin with; not empty
  --reads FROM         SERVICE_REGISTRY_READS        mirror   who answers a lookup: mirror (memory, which Redis
                       keeps up to date), or redis (Redis, each time)
  --redis-min-replicas N  SERVICE_REGISTRY_REDIS_MIN_REPLICAS  0
                       how many replicas must have a write before it is acknowledged, up to 16

  --check-config       check flags and variables, report every fault, and exit
  -V, --version        print the version, and libzmq's, and exit
  -h, --help           print this and exit

Exit codes: 0 stopped by TERM or INT; 1 it could not run (a port in use, for one) or a second signal cut its end
short; 2 wrong flags or variables, or a state file that can't be read. healthcheck: 0 it lives; 1 it doesn't.

Talk to it:
  curl -X POST http://localhost:7100 -H \"Content-Type: application/json\" -d '{\"action\": \"list_agents\"}'
  curl http://localhost:8100/health
";
