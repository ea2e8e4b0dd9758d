//! The service registry: agents that talk over ZeroMQ register their endpoints, and others find them by name.
//!
//! The rooms, in the order a request walks through them. docs/architecture.md tells why they are as they are, and who
//! may know whom.
//!
//! | room | what it does |
//! |---|---|
//! | [`config`], [`greeting`], [`journal`], [`announcer`], [`stop`] | flags and variables, the log, signals |
//! | [`healthcheck`] | asks a registry that runs whether it lives |
//! | [`systemd`], [`bell`] | what a supervisor is told, and what it hands over |
//! | [`descriptors`], [`allocator`], [`counters`] | what the system gives us, and what strangers do to us |
//! | [`listen`], [`admission`], [`slots`] | a connection comes in, or there is no room for it |
//! | [`handoff`], [`classify`] | it is told apart by its first byte |
//! | [`rep`] | ZMTP: libzmq has it, the REP loop answers |
//! | [`door`], [`http`] | HTTP: the door checks it, tiny_http routes it |
//! | [`act`] | what a request does, for both |
//! | [`wire`], [`quote`], [`record`] | bytes to requests, replies to bytes, the rules of a record |
//! | [`store`], [`state`], [`link`], [`health`] | what is kept, the file that keeps it, the way to Redis, and what is known of the process |

pub mod announcer;
pub mod config;
pub mod greeting;
pub mod healthcheck;
pub mod journal;
pub mod stop;

pub mod allocator;
pub mod bell;
pub mod counters;
pub mod descriptors;
pub mod systemd;

pub mod admission;
pub mod listen;
pub mod slots;

pub mod classify;
pub mod handoff;

pub mod rep;

pub mod door;
pub mod http;

pub mod act;

pub mod quote;
pub mod record;
pub mod wire;

pub mod health;
pub mod link;
pub mod state;
pub mod store;
