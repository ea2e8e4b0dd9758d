//! libFuzzer's way into `url::target`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| service_registry_fuzz::url::target(input));
