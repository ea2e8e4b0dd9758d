//! libFuzzer's way into `head::target`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| service_registry_fuzz::head::target(input));
