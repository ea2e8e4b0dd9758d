//! libFuzzer's way into `classifier::target`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| service_registry_fuzz::classifier::target(input));
