//! The connections of a load generator, watched by one epoll instance. What is asked over them, and when, it never
//! knows.

use std::io;
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::peer::Peer;

/// A server that says nothing for so long is broken.
const SILENCE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };
/// So many handshakes at a time: libzmq's own listener has a queue of 100 connections.
const HANDSHAKES: usize = 64;
/// What one read may take.
const BUFFER: usize = 64 * 1024;

pub(crate) struct Connections {
    epoll: OwnedFd,
    peers: Vec<Peer>,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
}

impl Connections {
    /// None yet, and room for `count`.
    pub(crate) fn new(count: usize) -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            peers: Vec::with_capacity(count),
            events: Vec::with_capacity(count),
            buffer: vec![0; BUFFER],
        })
    }

    /// Adds the peers that `connect` makes, one a slot, and returns when all have shaken hands.
    pub(crate) fn open(
        &mut self,
        count: usize,
        mut connect: impl FnMut(usize) -> io::Result<Peer>,
    ) -> io::Result<()> {
        let (mut open, mut ready) = (0, Vec::new());
        while open < count {
            while self.peers.len() < count && self.peers.len() - open < HANDSHAKES {
                let slot = self.peers.len();
                self.put(slot, connect(slot)?)?;
            }
            self.wait(&mut ready)?;
            for slot in ready.drain(..) {
                let was_open = self.peers[slot].is_open();
                self.receive(slot, |_, _| Ok(()))?;
                self.send(slot)?;
                open += usize::from(self.peers[slot].is_open() && !was_open);
            }
        }
        Ok(())
    }

    /// The peer of a slot, in the place of the last one, which dropping closes.
    pub(crate) fn put(&mut self, slot: usize, mut peer: Peer) -> io::Result<()> {
        let interest = peer.changed_interest().unwrap_or(epoll::EventFlags::IN);
        epoll::add(&self.epoll, &peer, epoll::EventData::new_u64(slot as u64), interest)?;
        match self.peers.get_mut(slot) {
            Some(place) => *place = peer,
            None => self.peers.push(peer),
        }
        Ok(())
    }

    /// No longer watched: a server that closes it is right to do so.
    pub(crate) fn let_go(&mut self, slot: usize) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, &self.peers[slot])?)
    }

    /// Waits until something came, and puts the slots where it did into `ready`.
    pub(crate) fn wait(&mut self, ready: &mut Vec<usize>) -> io::Result<()> {
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&SILENCE)) {
            Ok(0) => return Err(self.silence()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        ready.extend(self.events.iter().map(|event| event.data.u64() as usize));
        Ok(())
    }

    fn silence(&self) -> io::Error {
        let outstanding: usize = self.peers.iter().map(Peer::outstanding).sum();
        let waiting = self.peers.iter().filter(|peer| peer.is_waiting()).count();
        io::Error::other(format!(
            "nothing came for {} s: {waiting} connections wait, {outstanding} replies are missing",
            SILENCE.tv_sec
        ))
    }

    pub(crate) fn peer(&mut self, slot: usize) -> &mut Peer {
        &mut self.peers[slot]
    }

    pub(crate) fn are_waiting(&self) -> bool {
        self.peers.iter().any(Peer::is_waiting)
    }

    /// Takes what a connection has for us.
    pub(crate) fn receive(
        &mut self,
        slot: usize,
        reply: impl FnMut(&[u8], Instant) -> io::Result<()>,
    ) -> io::Result<()> {
        self.peers[slot].receive(&mut self.buffer, reply)
    }

    /// Sends what a connection has to say, and watches for what it waits for now.
    pub(crate) fn send(&mut self, slot: usize) -> io::Result<()> {
        let peer = &mut self.peers[slot];
        peer.flush()?;
        if let Some(interest) = peer.changed_interest() {
            epoll::modify(&self.epoll, &*peer, epoll::EventData::new_u64(slot as u64), interest)?;
        }
        Ok(())
    }
}
