//! A network of its own: rooms, each with an address, joined by one cable to which all are connected until somebody is
//! disconnected. A room is a network namespace without a name, so that nothing of it is left when this process has gone, in
//! whatever way. The rest of the system never sees it. Needs root.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The bridge to which all rooms are connected, and the one for those who are disconnected together.
const CABLE: &str = "cable";
const ASIDE: &str = "aside";

pub(crate) struct Network {
    /// Where the bridges are.
    middle: Room,
    pub(crate) rooms: Vec<Room>,
}

/// A thread that has entered it sees nothing but it, and so does every process that it starts.
pub(crate) struct Room {
    namespace: File,
    pub(crate) address: Ipv4Addr,
}

impl Network {
    pub(crate) fn with_rooms(count: u8) -> Network {
        let middle = Room::new(0);
        middle.inside(|| {
            for bridge in [CABLE, ASIDE] {
                ip(&format!("link add {bridge} type bridge forward_delay 0 stp_state 0 mcast_snooping 0"));
                ip(&format!("link set {bridge} up"));
            }
        });
        let network = Network { middle, rooms: (0..count).map(Room::new).collect() };
        for (number, room) in network.rooms.iter().enumerate() {
            network.connect(number, room);
        }
        network
    }

    fn connect(&self, number: usize, room: &Room) {
        let plug = plug(number);
        let namespace = format!("/proc/{}/fd/{}", std::process::id(), room.namespace.as_raw_fd());
        self.middle.inside(|| {
            ip(&format!("link add {plug} type veth peer name eth0 netns {namespace}"));
            ip(&format!("link set {plug} master {CABLE} up"));
        });
        room.inside(|| {
            ip(&format!("address add {}/24 dev eth0", room.address));
            ip("link set eth0 up");
        });
    }

    /// For so long nobody hears them, and they hear nobody.
    pub(crate) fn disconnect_for(&self, rooms: &[usize], lasts: Duration) {
        self.disconnect(rooms);
        thread::sleep(lasts);
        self.connect_again(rooms);
    }

    /// Nobody hears them, and they hear nobody but each other.
    pub(crate) fn disconnect(&self, rooms: &[usize]) {
        match rooms {
            [alone] => self.plug_into(&[*alone], "nomaster"),
            together => self.plug_into(together, &format!("master {ASIDE}")),
        }
    }

    pub(crate) fn connect_again(&self, rooms: &[usize]) {
        self.plug_into(rooms, &format!("master {CABLE}"));
    }

    fn plug_into(&self, rooms: &[usize], where_to: &str) {
        self.middle.inside(|| {
            rooms.iter().for_each(|number| ip(&format!("link set {} {where_to}", plug(*number))));
        });
    }
}

fn plug(number: usize) -> String {
    format!("room{number}")
}

impl Room {
    fn new(number: u8) -> Room {
        // It says so when it is in its new namespace, and stays there until that has been opened.
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo there; read gone"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot run unshare: {e}"));
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let namespace = File::open(format!("/proc/{}/ns/net", child.id()));
        drop(child.stdin.take());
        let ended = child.wait().unwrap();
        assert_eq!(said, "there\n", "no network namespace without root: {ended}");
        let room = Room { namespace: namespace.unwrap(), address: Ipv4Addr::new(10, 0, 0, number + 1) };
        room.inside(|| ip("link set lo up"));
        room
    }

    /// Moves the calling thread into it, for good.
    pub(crate) fn enter(&self) {
        move_to(&self.namespace);
    }

    /// Does this in it, and comes back.
    pub(crate) fn inside<T>(&self, work: impl FnOnce() -> T) -> T {
        let _back = Back(File::open("/proc/thread-self/ns/net").unwrap());
        self.enter();
        work()
    }
}

/// Where a thread came from, and goes again, also after a panic.
struct Back(File);

impl Drop for Back {
    fn drop(&mut self) {
        move_to(&self.0);
    }
}

fn move_to(namespace: &File) {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
}

fn ip(words: &str) {
    let output = Command::new("ip").args(words.split(' ')).output();
    let output = output.unwrap_or_else(|e| panic!("cannot run ip: {e}"));
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}
