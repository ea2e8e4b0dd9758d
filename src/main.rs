//! Starts the rooms, joins their threads and stops them in order. What a room needs is opened here and handed to it, what a
//! start prints is put together here, and here alone an error becomes a line and an exit code.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use log::Level;
use service_registry::act::{self, Registry};
use service_registry::admission::{Admission, Limits};
use service_registry::allocator;
use service_registry::announcer::Announcer;
use service_registry::config::{self, Backend, Config, HELP, Reads, StateFile, Wish};
use service_registry::counters::Counters;
use service_registry::descriptors::{self, TooFew};
use service_registry::door::{self, Door, Inbox};
use service_registry::greeting;
use service_registry::handoff::{self, Gate};
use service_registry::health::{Health, VERSION};
use service_registry::healthcheck;
use service_registry::http::{self, Routes};
use service_registry::journal;
use service_registry::link::TlsFiles;
use service_registry::listen::{self, ListenError};
use service_registry::rep::{Asked, Rep};
use service_registry::state::{State, StateError};
use service_registry::stop::{self, Stop, Waker};
use service_registry::store::Store;
use service_registry::store::memory::Memory;
use service_registry::store::redis::{self, Redis, Settings, Way};
use service_registry::systemd::{Probe, Supervisor, inherited};
use time::OffsetDateTime;

/// Requests that tiny_http may have before it at the same time: the API's, and the health port's.
const LANES: (usize, usize) = (4, 2);
/// The flags that set the registry port's limits.
const LIMIT_FLAGS: (&str, &str) = ("--max-connections", "--max-connections-per-address");

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1).collect();
    match config::read(arguments, |name| std::env::var_os(name)) {
        Ok(Wish::Help) => print(HELP),
        Ok(Wish::Version) => print(&format!("service-registry {VERSION}\nlibzmq {}\n", handoff::libzmq())),
        Ok(Wish::Check) => print("the configuration is in order\n"),
        Ok(Wish::HealthCheck(address)) => match healthcheck::ask(address) {
            Ok(status) => print(&format!("http://{address}/livez answers {status}\n")),
            Err(why) => {
                complain(&why);
                ExitCode::from(1)
            }
        },
        Ok(Wish::Run(config)) => run(&config).unwrap_or_else(|error| {
            complain(&with_causes(&*error));
            // What a person has to mend is not to be tried again and again.
            let is_damage = error.downcast_ref::<StateError>().is_some_and(StateError::is_damage);
            ExitCode::from(if is_damage { 2 } else { 1 })
        }),
        Err(faults) => {
            faults.iter().for_each(|fault| complain(&fault.to_string()));
            ExitCode::from(2)
        }
    }
}

/// The exit code tells as well, so a standard error that can't be written is no reason to end otherwise.
fn complain(line: &str) {
    let start = journal::start_of_an_error(journal_stream().as_deref());
    let _ = writeln!(io::stderr(), "{start}service-registry: {line}");
}

fn journal_stream() -> Option<String> {
    std::env::var("JOURNAL_STREAM").ok()
}

type AnyError = Box<dyn Error>;

/// Runs until a signal stops it.
fn run(config: &Config) -> Result<ExitCode, AnyError> {
    allocator::give_memory_back();
    journal::start(config.log_level, journal_stream().as_deref())?;
    let Opened { mut context, inbox, registry_port, health_port, registry_url, lines, health, counters } =
        open(config)?;
    lines.iter().for_each(|(level, line)| log::log!(*level, "{line}"));
    let announcer = Announcer::start().map_err(at("starting a thread"))?;
    let store = store(config, &health, &announcer)?;
    let clock = OffsetDateTime::now_utc;
    let registry = Arc::new(Registry::new(store, Arc::clone(&health), clock, announcer.clone()));

    let stop = Stop::default();
    // Listening ends first: who is let in by then is answered by those who are woken next.
    let (closers, wakers) =
        ([closer(&registry_port.gate), closer(&health_port.gate)], [registry_port.wake, health_port.wake]);
    let supervisor = Supervisor::of_this_process(&health);
    let told = supervisor.as_ref().map(Supervisor::waker);
    let wakers = told.into_iter().chain(closers).chain([inbox.waker()]).chain(wakers).collect();
    stop::on_signals(stop.clone(), wakers).map_err(at("taking over the signals"))?;
    let routes = |api| routes(&health, api, &registry_url, &counters);
    serve_http("health-http", health_port.server, routes(None))?;
    serve_http("api-http", registry_port.server, routes(Some(&registry)))?;
    let ports = vec![(registry_port.gate, registry_port.lanes), (health_port.gate, health_port.lanes)];
    let door = Door::new(inbox, ports, Arc::clone(&counters)).map_err(at("starting the HTTP servers"))?;
    let door_stop = stop.clone();
    let door = spawn("door", move || door.serve(&door_stop))?;
    let health_stop = stop.clone();
    let health_rep = spawn("health-zmq", move || {
        health_port.rep.serve(&health_stop, |_| health.reply(OffsetDateTime::now_utc()))
    })?;
    log::info!("ready");
    let probe = || registry_port.rep.probe(&context, stop.clone());
    let supervised = supervise(supervisor, &stop, probe)?;

    registry_port.rep.serve(&stop, |asked| match asked {
        Asked::Request(request) => registry.answer(request),
        Asked::Multipart(frames) => act::multipart(frames),
    })?;
    finish(health_rep);
    supervised.into_iter().for_each(finish);
    // Waits until the last replies have left, or their linger is over.
    while context.destroy() == Err(zmq::Error::EINTR) {}
    finish(door);
    announcer.flush();
    log::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn closer(gate: &Arc<Gate>) -> Waker {
    let gate = Arc::clone(gate);
    Box::new(move || gate.stop_listening())
}

fn supervise(
    supervisor: Option<Supervisor>,
    stop: &Stop,
    probe: impl FnOnce() -> io::Result<Probe>,
) -> Result<Option<JoinHandle<()>>, Named<io::Error>> {
    let started = supervisor.map(|supervisor| supervisor.start(stop.clone(), probe)).transpose();
    started.map_err(at("telling the supervisor"))
}

/// The backend; one that isn't there yet is waited for by a thread of its own.
fn store(config: &Config, health: &Arc<Health>, announcer: &Announcer) -> Result<Arc<dyn Store>, AnyError> {
    let Backend::Redis(wanted) = &config.backend else {
        return Ok(Arc::new(memory(config, health)?));
    };
    let settings = Settings {
        way: Way {
            url: wanted.url.clone(),
            password_file: wanted.password_file.clone(),
            tls: TlsFiles { ca: wanted.ca.clone(), own: wanted.certificate.clone() },
        },
        prefix: wanted.prefix.clone(),
        reads: match wanted.reads {
            Reads::Mirror => redis::Reads::Mirror,
            Reads::Redis => redis::Reads::Redis,
        },
        min_replicas: wanted.min_replicas,
        max_bytes: config.max_bytes,
    };
    let redis = Redis::new(settings, health).map_err(at("starting to follow Redis"))?;
    if let Some(file) = &config.state {
        let (state, found) = State::open(&file.path, false, |kept| redis.restore(kept))?;
        greeting::of_state(state.path(), &found, redis.agents());
        redis.keep_in(Arc::new(state), found.written).map_err(at("starting a thread"))?;
    }
    redis.follow(announcer.clone()).map_err(at("starting to follow Redis"))?;
    Ok(Arc::new(redis))
}

fn memory(config: &Config, health: &Arc<Health>) -> Result<Memory, AnyError> {
    let mut memory = Memory::new(config.max_bytes, Arc::clone(health));
    if let Some(StateFile { path, sync }) = &config.state {
        let (state, found) = State::open(path, *sync, |kept| memory.restore(kept))?;
        greeting::of_state(state.path(), &found, memory.agents());
        memory.keep_in(Arc::new(state)).map_err(at("starting a thread"))?;
    }
    Ok(memory)
}

/// What is open before our own threads start.
struct Opened {
    context: ManuallyDrop<zmq::Context>,
    inbox: Arc<Inbox>,
    registry_port: Port,
    health_port: Port,
    /// Where a command typed on this host reaches the registry.
    registry_url: String,
    lines: Vec<(Level, String)>,
    health: Arc<Health>,
    counters: Arc<Counters>,
}

/// One port, both protocols.
struct Port {
    gate: Arc<Gate>,
    rep: Rep,
    wake: Waker,
    /// Where tiny_http accepts the other ends of the lanes.
    server: UnixListener,
    lanes: Vec<UnixStream>,
}

fn open(config: &Config) -> Result<Opened, AnyError> {
    let counters = Arc::new(Counters::default());
    let (limits, health_limits) = limits(config)?;
    let inherited = inherited::take().map_err(at("socket activation"))?;
    let listeners = listeners_of(inherited.registry, config, config.port).map_err(at("registry port"))?;
    let health_listeners =
        listeners_of(inherited.health, config, config.health_port).map_err(at("health port"))?;
    let registry_url = greeting::registry_url(&listeners)?;
    let lines = greeting::lines(config, &listeners, &health_listeners, limits.all)?;

    // Ending it waits for every socket, and after a failed start some thread may keep one for ever: only a stop ends it.
    let context = ManuallyDrop::new(handoff::context());
    // One thread a port: a flood on the registry's never keeps the health port's peers waiting.
    context.set_io_threads(2)?;

    let inbox = Inbox::new().map_err(at("opening an eventfd"))?;
    let admission = Admission::new("registry", Some(LIMIT_FLAGS), limits, Arc::clone(&counters));
    let health_admission = Admission::new("health", None, health_limits, Arc::clone(&counters));
    let health =
        Arc::new(Health::new(config.backend.name(), Arc::clone(admission.slots()), Arc::clone(&counters)));
    let port = |number, listeners, admission, lanes| -> Result<Port, AnyError> {
        let gate = Gate::open(listeners, admission, Arc::clone(&counters), inbox.notifier(number))
            .map_err(at("watching a port"))?;
        let name = format!("port-{number}");
        let (rep, wake) =
            Rep::open(&context, &name, number as u32, &gate).map_err(at("opening a REP socket"))?;
        let (server, lanes) = door::open_lanes(lanes).map_err(at("opening lanes"))?;
        Ok(Port { gate, rep, wake, server, lanes })
    };
    let registry_port = port(0, listeners, admission, LANES.0)?;
    let health_port = port(1, health_listeners, health_admission, LANES.1)?;
    Ok(Opened { context, inbox, registry_port, health_port, registry_url, lines, health, counters })
}

/// Those that the supervisor has opened already, or our own.
fn listeners_of(
    inherited: Vec<TcpListener>,
    config: &Config,
    port: u16,
) -> Result<Vec<TcpListener>, ListenError> {
    if inherited.is_empty() {
        return listen::listen(&config.bind, port);
    }
    inherited.iter().try_for_each(listen::adopt)?;
    Ok(inherited)
}

/// Each port's limits, within what the system allows. libzmq aborts where it gets no descriptor for its own; so few that
/// no client could connect end the start here instead.
fn limits(config: &Config) -> Result<(Limits, Limits), TooFew> {
    let inherited = descriptors::inherited();
    let shares =
        descriptors::share(descriptors::raise(), inherited, config.bind.len(), config.max_connections)?;
    Ok((shares.registry_limits(config.max_connections_per_address), shares.health_limits()))
}

fn routes(
    health: &Arc<Health>,
    registry: Option<&Arc<Registry>>,
    registry_url: &str,
    counters: &Arc<Counters>,
) -> Routes {
    let health = Arc::clone(health);
    let health = Box::new(move || health.reply(OffsetDateTime::now_utc()));
    let api = registry.map(|registry| -> http::Act {
        let registry = Arc::clone(registry);
        Box::new(move |request| registry.answer(request))
    });
    Routes { health, api, registry_url: registry_url.into(), counters: Arc::clone(counters) }
}

fn serve_http(name: &str, lanes: UnixListener, routes: Routes) -> Result<(), AnyError> {
    let server = tiny_http::Server::from_listener(lanes, None).map_err(|error| error as AnyError)?;
    // A server that is dropped connects to its own address, and panics where that has no path: it lives for ever.
    let server: &'static tiny_http::Server = Box::leak(Box::new(server));
    spawn(name, move || -> io::Result<()> { http::serve(server, &routes) })?;
    Ok(())
}

/// A thread that the daemon can't do without: should it fail, the process ends, so that its supervisor starts it anew.
fn spawn(
    name: &str,
    work: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Result<JoinHandle<()>, Named<io::Error>> {
    let thread_name = name.to_owned();
    let started = thread::Builder::new().name(name.into()).spawn(move || {
        let ended = panic::catch_unwind(AssertUnwindSafe(work));
        if let Err(error) = ended.unwrap_or_else(|_| Err(io::Error::other("it panicked"))) {
            log::error!("the {thread_name} thread ended, and the registry with it: {error}");
            std::process::exit(1);
        }
    });
    started.map_err(at("starting a thread"))
}

fn finish(thread: JoinHandle<()>) {
    // What panics in it has been told, and the process is at its end anyway.
    let _ = thread.join();
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("standard output could not be written: {error}"));
            ExitCode::from(1)
        }
    }
}

/// An error with what it was about in front.
#[derive(Debug)]
struct Named<E>(&'static str, E);

impl<E: fmt::Display> fmt::Display for Named<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.0, self.1)
    }
}

impl<E: Error> Error for Named<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.source()
    }
}

fn at<E>(what: &'static str) -> impl FnOnce(E) -> Named<E> {
    move |error| Named(what, error)
}

fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line += &format!(": {error}");
        cause = error.source();
    }
    line
}
