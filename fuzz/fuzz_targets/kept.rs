//! libFuzzer's way into `kept::target`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| service_registry_fuzz::kept::target(input));
