//! Many clients, from many addresses: those that connect and come to nothing, those that stay and are quiet. It makes
//! them and lets them go; what the daemon must make of them is for others to say.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::sync::Once;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::dice::Dice;
use crate::handoff::zmtp::{self, Peer, VERSIONS, Version};
use crate::raw::Raw;

/// The addresses that a crowd comes from, 127.0.0.x: the first, and how many. 127.0.0.1 is left to those who behave, and
/// some others to those who are to fill what there is for one address.
const FIRST: usize = 100;
const ADDRESSES: usize = 64;
pub(crate) const HALF_A_HEAD: &[u8] =
    b"POST / HTTP/1.1\r\nHost: registry\r\nContent-Type: application/json\r\nCont";

/// The address that client number `n` comes from, by its last number.
pub(crate) fn address(n: usize) -> u8 {
    u8::try_from(FIRST + n % ADDRESSES).unwrap()
}

/// Client number `n` of a crowd.
pub(crate) fn come(n: usize, port: u16) -> Raw {
    come_from(address(n), port)
}

pub(crate) fn come_from(address: u8, port: u16) -> Raw {
    make_room();
    Raw::connect_from(address, port)
}

/// Each client is a descriptor of this process, of which it may take more than it was given at first.
fn make_room() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    });
}

/// Peers that have shaken hands, and are quiet from then on unless they are asked to ask.
pub(crate) fn idle_peers(port: u16, count: usize) -> Vec<Peer<TcpStream>> {
    let meet = |n| Peer::meet(come(n, port).into_stream(), VERSIONS[n % VERSIONS.len()]);
    let mut peers: Vec<Peer<TcpStream>> = (0..count).map(meet).collect();
    // To be counted as a peer that has shaken hands takes a whole exchange in the old versions.
    peers.iter_mut().for_each(|peer| drop(peer.ask(br#"{"action":"ping"}"#)));
    peers
}

/// How a client of a storm comes to nothing.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// It resets the connection, having said something or nothing.
    Reset,
    /// It closes it, having said something or nothing.
    Close,
    /// It says nothing, and stays.
    Stall,
    /// It says a part of a greeting or of a head, and stays.
    SpeakHalf,
}

/// A storm of connects, which can be called up in parts.
pub(crate) struct Storm {
    dice: Dice,
    /// Who came last of those that stay.
    staying: VecDeque<Raw>,
    most: usize,
    come: usize,
}

impl Storm {
    /// `most`: of those that stay, so many are there at the same time, at both ports together.
    pub(crate) fn new(seed: u64, most: usize) -> Storm {
        Storm { dice: Dice::new(seed), staying: VecDeque::new(), most, come: 0 }
    }

    /// So many clients come to each of these ports.
    pub(crate) fn rage(&mut self, ports: [u16; 2], connects: usize) {
        for _ in 0..connects {
            ports.into_iter().for_each(|port| self.connect(port));
        }
    }

    fn connect(&mut self, port: u16) {
        const MANNERS: [Manner; 4] = [Manner::Reset, Manner::Close, Manner::Stall, Manner::SpeakHalf];
        let manner = *self.dice.one_of(&MANNERS);
        let said = self.words(manner);
        let mut client = come(self.come, port);
        self.come += 1;
        // It may have been sent away already.
        let _ = client.try_send(said);
        match manner {
            Manner::Reset => client.reset(),
            Manner::Close => drop(client),
            Manner::Stall | Manner::SpeakHalf => self.stay(client),
        }
    }

    fn words(&mut self, manner: Manner) -> Vec<u8> {
        let greeting = zmtp::greeting(Version::V3_1);
        let part = match manner {
            Manner::Stall => return vec![],
            Manner::SpeakHalf if self.dice.below(4) == 0 => HALF_A_HEAD,
            Manner::SpeakHalf => &greeting[..self.dice.between(1, greeting.len())],
            Manner::Reset | Manner::Close => {
                let all: [&[u8]; 5] = [b"", &greeting[..1], &greeting, HALF_A_HEAD, b"\x16\x03\x01"];
                *self.dice.one_of(&all)
            }
        };
        part.to_vec()
    }

    fn stay(&mut self, client: Raw) {
        self.staying.push_back(client);
        if self.staying.len() > self.most {
            self.staying.pop_front();
        }
    }
}
