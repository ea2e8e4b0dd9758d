//! libFuzzer's way into `registry::target`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| service_registry_fuzz::registry::target(input));
