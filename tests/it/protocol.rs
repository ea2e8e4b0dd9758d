//! The wire contract from outside: its examples and its rules on what is accepted, over every transport, byte for byte
//! where the contract is exact. What is refused is in `bad_requests`.

mod examples;
mod framing;
mod limits;
mod metadata;
mod registration;
