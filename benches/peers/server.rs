//! A server that runs: from its start to its first answer, and to its end. It ends with the value that stands for it,
//! by its pid, and nothing else is ever stopped. What is measured on it is none of its business.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::connection::Connection;
use crate::place::Place;
use crate::request::Request;
use crate::roles;
use crate::system::System;

/// How long a server may take to give its first answer.
const LONGEST_START: Duration = Duration::from_secs(30);
/// What it has been asked in vain for so long it will never answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same while it starts, at least: ZooKeeper takes connections before it serves them, and forgets those. As time
/// goes by it is a tenth of that.
const SHORTEST_PATIENCE: Duration = Duration::from_millis(50);
/// How long it may take to stop when asked.
const GRACE: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };
/// A port may be taken by somebody else before a server has it.
const STARTS: usize = 3;
/// Between two tries to be answered; a longer wait has longer ones, a fiftieth of it.
const SHORTEST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

pub(crate) struct Server<'a> {
    system: &'a dyn System,
    // Before the place: its folder goes when nobody writes there any more.
    process: Process,
    place: Place,
    address: SocketAddrV4,
    first_answer: Duration,
    /// Behind the process, which would miss it.
    needed: Option<Box<Server<'static>>>,
}

impl<'a> Server<'a> {
    /// Returns once it has answered a lookup.
    pub(crate) fn start(system: &'a dyn System) -> Self {
        for _ in 0..STARTS {
            match Self::try_start(system) {
                Ok(server) => return server,
                Err(error) => eprintln!("{}: {error}", system.key()),
            }
        }
        panic!("{} does not start", system.key());
    }

    fn try_start(system: &'a dyn System) -> io::Result<Self> {
        let needed = system.needs().map(|needed| Box::new(Server::start(needed)));
        let place = Place::new(system.key(), needed.as_ref().map(|needed| needed.address.port()))?;
        let command_line = roles::command_line("exec", system.command_line(&place)?);
        let log = File::create(place.path("log"))?;
        let mut command = Command::new(&command_line[0]);
        command.args(&command_line[1..]).current_dir(&place.folder).stdin(Stdio::null());
        let child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, place.port);
        let process = Process(child);
        let mut server = Self { system, process, place, address, first_answer: Duration::ZERO, needed };
        server.answers().map_err(|error| {
            io::Error::other(format!("{command_line:?}: {error}; it said:\n{}", server.said()))
        })?;
        Ok(server)
    }

    /// Tries until the first answer comes, and takes the time.
    fn answers(&mut self) -> io::Result<()> {
        let since = Instant::now();
        loop {
            let answer = self.try_ask((since.elapsed() / 10).clamp(SHORTEST_PATIENCE, PATIENCE));
            let answered = roles::now();
            if answer.is_ok() {
                let started = roles::started(&self.said());
                let started =
                    started.ok_or_else(|| io::Error::other("its log does not say when it started"))?;
                self.first_answer = answered.saturating_sub(started);
                return Ok(());
            }
            let has_ended = !matches!(self.process.0.try_wait(), Ok(None));
            if has_ended || since.elapsed() > LONGEST_START {
                return answer;
            }
            thread::sleep((since.elapsed() / 50).clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
        }
    }

    fn try_ask(&mut self, patience: Duration) -> io::Result<()> {
        let port = self.system.port(self.place.port, &self.said());
        self.address.set_port(port.ok_or(io::ErrorKind::NotConnected)?);
        let mut connection = Connection::open(self.address, self.system.dialogue(), patience)?;
        connection.prepare()?;
        connection.ask(&Request::unknown())?;
        connection.wait(|_| Ok(()))?;
        connection.close()
    }

    /// A connection that is ready for requests.
    pub(crate) fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.address, self.system.dialogue(), PATIENCE)
    }

    pub(crate) fn system(&self) -> &dyn System {
        self.system
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// All processes that its figures are about: itself, and what it can't do without.
    pub(crate) fn pids(&self) -> Vec<u32> {
        [self.pid()].into_iter().chain(self.needed.iter().flat_map(|needed| needed.pids())).collect()
    }

    pub(crate) const fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// From its `exec` to its first answer.
    pub(crate) const fn first_answer(&self) -> Duration {
        self.first_answer
    }

    /// What it said, for a failure's message.
    pub(crate) fn said(&self) -> String {
        fs::read(self.place.path("log"))
            .map_or_else(|error| error.to_string(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The size of all files that it runs from: what is mapped into it or open, but for its data. The same of what it
    /// can't do without.
    pub(crate) fn program_bytes(&self) -> u64 {
        self.programs().iter().filter_map(|file| Some(fs::metadata(file).ok()?.len())).sum()
    }

    fn programs(&self) -> BTreeSet<PathBuf> {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.pid())).unwrap_or_default();
        let mapped = maps.lines().filter_map(|line| Some(PathBuf::from(&line[line.find('/')?..])));
        let open = fs::read_dir(format!("/proc/{}/fd", self.pid())).into_iter().flatten().flatten();
        let open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        let is_program = |file: &PathBuf| file.is_file() && !file.starts_with(&self.place.folder);
        let needed = self.needed.iter().flat_map(|needed| needed.programs());
        mapped.chain(open).filter(is_program).chain(needed).collect()
    }
}

/// A child that is stopped when this is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.0);
        if let (Ok(None), Ok(handle)) = (self.0.try_wait(), pidfd_open(pid, PidfdFlags::empty())) {
            let _ = kill_process(pid, Signal::TERM);
            let _ = poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&GRACE));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
