//! libFuzzer's way into `resp::target`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| service_registry_fuzz::resp::target(input));
