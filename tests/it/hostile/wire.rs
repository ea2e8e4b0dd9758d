//! ZMTP as no honest peer writes it: every length, flag and property is what its caller says, true or not. What is
//! well-formed comes from handoff/zmtp.rs. Bytes only; it knows no connection.

use crate::handoff::zmtp::{self, Version};

pub(super) const MORE: u8 = 1;
pub(super) const LONG: u8 = 2;
pub(super) const COMMAND: u8 = 4;

pub(super) const SIGNATURE: [u8; 10] = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F];
pub(super) const LIST: &[u8] = br#"{"action":"list_agents"}"#;

/// The greeting of ZMTP 3.x and what follows it, with this version, mechanism and as-server field.
pub(super) fn greeting(version: [u8; 2], mechanism: &[u8], as_server: u8) -> Vec<u8> {
    let padding = vec![0; 20 - mechanism.len()];
    [&SIGNATURE[..], &version, mechanism, &padding, &[as_server], &[0; 31]].concat()
}

/// The greeting of this build's own libzmq.
pub(super) fn usual_greeting() -> Vec<u8> {
    greeting([3, 1], b"NULL", 0)
}

/// The greeting of ZMTP 2.0, up to the identity.
pub(super) fn greeting_2_0(socket_type: u8) -> Vec<u8> {
    [&SIGNATURE[..], &[1, socket_type]].concat()
}

/// A frame of ZMTP 2.0 or later whose length is true.
pub(super) fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    match u8::try_from(body.len()) {
        Ok(size) => [&[flags, size], body].concat(),
        Err(_) => long_frame(flags, body.len() as u64, body),
    }
}

/// A long frame of ZMTP 2.0 or later that claims to be of this size.
pub(super) fn long_frame(flags: u8, size: u64, body: &[u8]) -> Vec<u8> {
    [&[flags | LONG], &size.to_be_bytes()[..], body].concat()
}

/// A long frame of ZMTP 1.0 that claims to be of this size, its flags counted.
pub(super) fn long_frame_1_0(size: u64, flags: u8, body: &[u8]) -> Vec<u8> {
    [&[0xFF], &size.to_be_bytes()[..], &[flags], body].concat()
}

/// A ZMTP 1.0 peer with this identity, which it gives in the long form.
pub(super) fn identity_1_0(identity: &[u8]) -> Vec<u8> {
    long_frame_1_0(identity.len() as u64 + 1, 0, identity)
}

/// A ZMTP 2.0 peer with this identity.
pub(super) fn identity_2_0(identity: &[u8]) -> Vec<u8> {
    [greeting_2_0(3), frame(0, identity)].concat()
}

/// A greeting, and READY with these properties.
pub(super) fn ready(properties: &[Vec<u8>]) -> Vec<u8> {
    handshake(&frame(COMMAND, &ready_body(properties)))
}

/// A greeting, and this in place of READY.
pub(super) fn handshake(command: &[u8]) -> Vec<u8> {
    [&usual_greeting(), command].concat()
}

pub(super) fn ready_body(properties: &[Vec<u8>]) -> Vec<u8> {
    [&b"\x05READY"[..], &properties.concat()].concat()
}

pub(super) fn property(name: &[u8], value: &[u8]) -> Vec<u8> {
    claimed_property(name, u32::try_from(value.len()).expect("a short value"), value)
}

/// A property whose value claims to be of this size.
pub(super) fn claimed_property(name: &[u8], size: u32, value: &[u8]) -> Vec<u8> {
    let name_length = [u8::try_from(name.len()).expect("a short name")];
    [&name_length, name, &size.to_be_bytes(), value].concat()
}

pub(super) fn socket_type(name: &str) -> Vec<u8> {
    property(b"Socket-Type", name.as_bytes())
}

pub(super) fn identity(value: &[u8]) -> Vec<u8> {
    property(b"Identity", value)
}

/// A message of these frames, well-formed.
pub(super) fn message(version: Version, frames: &[&[u8]]) -> Vec<u8> {
    zmtp::blurt(version, frames).split_off(zmtp::blurt(version, &[]).len())
}

/// A request in its envelope, well-formed.
pub(super) fn request(version: Version, body: &[u8]) -> Vec<u8> {
    message(version, &[b"", body])
}
