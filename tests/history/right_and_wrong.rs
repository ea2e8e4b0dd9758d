//! Histories that are wrong, each with what must be found in it, and right ones that differ from them by little.

use crate::drawing::Drawing;

fn judge_all(drawings: &[(&str, &str)]) {
    drawings.iter().for_each(|(what, drawing)| Drawing::parse(drawing).judge(what));
}

#[test]
fn reads_of_redis() {
    judge_all(&[
        (
            "nothing happened",
            "
            R lookup none      |-|
            S list without     |-|
        ",
        ),
        (
            "what was acknowledged is found by everybody",
            "
            R register 1       |--|
            S lookup 1              |-|
            R list with             |-|
        ",
        ),
        (
            "a stale read",
            "
            R register 1       |--|
            R register 2            |--|
            S lookup 1                   |-|  ✗
            S lookup 2                   |-|
        ",
        ),
        (
            "a new name is missed",
            "
            R register 1       |--|
            S lookup none           |-|  ✗
            S list without          |-|  ✗
        ",
        ),
        (
            "a lost write",
            "
            R register 1       |--|
            R register 2            |--|
            S lookup 2                   |-|
            S lookup 1                        |-|  ✗
            R lookup 1                            |-|  ✗
        ",
        ),
        (
            "all that was there is gone",
            "
            R register 1       |--|
            S lookup 1              |-|
            S lookup none               |-|  ✗
        ",
        ),
        (
            "the last acknowledged write is missing at the end, on one of two instances",
            "
            R register 1       |--|
            S register 2            |--|
            R lookup 1                                              |-|  ✗
            S lookup 2                                              |-|
        ",
        ),
        (
            "a value that nobody ever wrote",
            "
            R register 1       |--|
            S lookup 7              |-|  ✗
        ",
        ),
        (
            "a value before it was written",
            "
            S lookup 1         |-|  ✗
            R register 1            |--|
        ",
        ),
        (
            "a value while it is written",
            "
            S lookup 1         |-|
            R register 1         |--|
        ",
        ),
        (
            "unavailable says nothing",
            "
            R register 1       |--|
            S lookup unavailable    |-|
            S lookup 1                  |-|
        ",
        ),
    ]);
}

#[test]
fn calls_at_the_same_time() {
    judge_all(&[
        (
            "either may come first",
            "
            R register 1       |--|
            R register 2            |-----|
            S lookup 1               |-|
            S lookup 2                  |-|
            S lookup 2                      |-|
        ",
        ),
        (
            "what has been seen is there",
            "
            R register 1       |--|
            R register 2            |------------|
            S lookup 2               |-|
            S lookup 1                   |-|  ↯
            S lookup 2                        |-|
        ",
        ),
        (
            "two writes have one order for all",
            "
            R register 1       |----|
            S register 2       |----|
            R lookup 1                |-|
            S lookup 2                    |-|  ↯
        ",
        ),
        (
            "two writes, either last",
            "
            R register 1       |----|
            S register 2       |----|
            R lookup 1                |-|
            S lookup 1                    |-|
        ",
        ),
        (
            "a slow write hides nothing that came before it",
            "
            R register 1       |--|
            S register 2       |--------------------|
            R register 3            |--|
            R lookup 1                   |-|  ✗
            R lookup 3                   |-|
            R lookup 2                        |-|
        ",
        ),
        (
            "an end and a beginning at the same moment are at the same time",
            "
            R register 1       |--|
            S lookup none         |-|
        ",
        ),
        (
            "an end a moment before a beginning is not",
            "
            R register 1       |-|
            S lookup none         |-|  ✗
        ",
        ),
    ]);
}

#[test]
fn writes_without_an_acknowledgement() {
    judge_all(&[
        (
            "they may have happened",
            "
            R register 1       |--|
            R register 2            |--?
            S lookup 2                   |-|
        ",
        ),
        (
            "or not",
            "
            R register 1       |--|
            R register 2            |--?
            S lookup 1                   |-|
        ",
        ),
        (
            "or later",
            "
            R register 1       |--|
            R register 2            |--?
            S lookup 1                   |-|
            S lookup 2                       |-|
        ",
        ),
        (
            "even after further ones",
            "
            R register 1       |--|
            R register 2            |--?
            R register 3                 |--|
            S lookup 3                        |-|
            S lookup 2                            |-|
        ",
        ),
        (
            "but only once: counted both ways",
            "
            R register 1       |--|
            R register 2            |--?
            S lookup 2                   |-|
            S lookup 1                       |-|  ↯
        ",
        ),
        (
            "and not again after something else",
            "
            R register 2       |--?
            S lookup 2              |-|
            R register 3                |--|
            S lookup 2                       |-|  ↯
        ",
        ),
        (
            "and not before they began",
            "
            S lookup 2         |-|  ✗
            R register 2            |--?
        ",
        ),
        (
            "a removal may have happened, or later",
            "
            R register 1       |--|
            R deregister            |--?
            S lookup 1                   |-|
            S lookup none                    |-|
        ",
        ),
        (
            "but only once",
            "
            R register 1       |--|
            R deregister            |--?
            S lookup none                |-|
            R register 2                     |--|
            S lookup 2                            |-|
            S lookup none                            |-|  ↯
        ",
        ),
        (
            "two of them twice",
            "
            R register 1       |--|
            R deregister            |--?
            R deregister            |--?
            S lookup none                |-|
            R register 2                     |--|
            S lookup none                         |-|
        ",
        ),
        (
            "one that nobody saw explains that there was one",
            "
            R register 1       |--?
            R register 2       |--?
            S deregister one        |--|
            S list with                  |-|
        ",
        ),
        (
            "but not a second one",
            "
            R register 1       |--?
            S deregister one        |--|
            S list with                  |-|  ↯
        ",
        ),
    ]);
}

#[test]
fn removals() {
    judge_all(&[
        (
            "what was removed is gone",
            "
            R register 1       |--|
            S deregister one        |--|
            R lookup none                |-|
            R deregister none                |--|
        ",
        ),
        (
            "a removed record comes back",
            "
            R register 1       |--|
            S deregister one        |--|
            R lookup none                |-|
            R lookup 1                       |-|  ✗
        ",
        ),
        (
            "a removed record is still listed",
            "
            R register 1       |--|
            S deregister one        |--|
            R list with                  |-|  ✗
        ",
        ),
        (
            "a removal finds what isn't there",
            "
            R register 1       |--|
            S deregister one        |--|
            S deregister one             |--|  ↯
        ",
        ),
        (
            "a removal doesn't find what is there",
            "
            R register 1       |--|
            S deregister none       |--|  ↯
            S lookup none                |-|
        ",
        ),
        (
            "of two at the same time one finds it",
            "
            R register 1       |--|
            R deregister one        |--|
            S deregister none       |--|
            S lookup none                |-|
        ",
        ),
        (
            "and not both",
            "
            R register 1       |--|
            R deregister one        |--|
            S deregister one        |--|  ↯
        ",
        ),
        (
            "a registration after a removal counts",
            "
            R register 1       |--|
            R deregister one        |--|
            R register 2                 |--|
            S lookup none                     |-|  ✗
            S lookup 2                            |-|
        ",
        ),
    ]);
}

#[test]
fn reads_of_a_mirror() {
    judge_all(&[
        (
            "a changed record may lag by a second",
            "
            R register 1       |--|
            R register 2            |--|
            M lookup 1                          |-|
        ",
        ),
        (
            "and no longer",
            "
            R register 1       |--|
            R register 2            |--|
            M lookup 1                            |-|  ✗
        ",
        ),
        (
            "a new name never lags",
            "
            R register 1       |--|
            M lookup none           |-|  ✗
            M lookup 1              |-|
        ",
        ),
        (
            "a list may, by a second",
            "
            R register 1       |--|
            M list without                  |-|
            M list without                    |-|  ✗
        ",
        ),
        (
            "a removed record may as well",
            "
            R register 1       |--|
            R deregister one        |--|
            M lookup 1                          |-|
            M lookup 1                            |-|  ✗
        ",
        ),
        (
            "two mirrors may lag differently",
            "
            R register 1       |--|
            R register 2            |--|
            M lookup 2                   |-|
            N lookup 1                     |-|
        ",
        ),
        (
            "what an instance has acknowledged itself, it gives at once",
            "
            R register 1       |--|
            M register 2            |--|
            N lookup 1                   |-|
            M lookup 1                   |-|  ✗
        ",
        ),
        (
            "or something later",
            "
            M register 1       |--|
            R register 2            |--|
            M lookup 2                   |-|
            M lookup 1                   |-|
        ",
        ),
        (
            "what it has removed itself is gone at once",
            "
            R register 1       |--|
            M deregister one        |--|
            M lookup 1                   |-|  ✗
        ",
        ),
        (
            "what nobody ever wrote is no lag",
            "
            R register 1       |--|
            M lookup 7              |-|  ✗
        ",
        ),
        (
            "no mirror gives what may only follow",
            "
            M lookup 1         |-|  ✗
            R register 1            |--|
        ",
        ),
        (
            "all that mirrors say has one order with what Redis says",
            "
            R register 1       |----|
            S register 2       |----|
            M lookup 1               |-|
            M lookup 2                 |-|
            R lookup 2                   |-|
            M lookup 1                             |-|  ↯
        ",
        ),
    ]);
}

#[test]
fn outages() {
    judge_all(&[
        (
            "in an outage a mirror gives what was right before it",
            "
            R register 1       |--|
            M outage             |---------------------------------------|
            R register 2            |--|
            M lookup 1                                               |-|
        ",
        ),
        (
            "or at any moment since",
            "
            R register 1       |--|
            M outage             |---------------------------------------|
            R register 2            |--|
            R register 3                 |--|
            M lookup 2                                               |-|
        ",
        ),
        (
            "but nothing older",
            "
            R register 1       |--|
            R register 2            |--|
            M outage                               |---------------------|
            R register 3                             |--|
            M lookup 1                                          |-|  ✗
            M lookup 2                                          |-|
        ",
        ),
        (
            "and not after it",
            "
            R register 1       |--|
            M outage             |---------------------|
            R register 2            |--|
            M lookup 1                                  |-|  ✗
        ",
        ),
        (
            "one mirror's outage is not another's",
            "
            R register 1       |--|
            M outage             |---------------------------------------|
            R register 2            |--|
            N lookup 1                                               |-|  ✗
        ",
        ),
        (
            "nor Redis's",
            "
            R register 1       |--|
            R outage             |---------------------------------------|
            S register 2            |--|
            R lookup 1                   |-|  ✗
        ",
        ),
        (
            "who says not found in an outage is not excused",
            "
            M outage           |---------------------------------------|
            R register 1            |--|
            M lookup none                |-|  ✗
        ",
        ),
        (
            "health that says all is well excuses nothing",
            "
            R register 1       |--|
            M outage             |---------------------------------------|
            M well             |-----------------------------------------|
            R register 2            |--|
            M lookup 1                                     |-|  ✗
        ",
        ),
        (
            "health that admits it does",
            "
            R register 1       |--|
            M outage             |---------------------------------------|
            M well             |-----------------|
            M degraded                           |-------------|
            M well                                             |---------|
            R register 2            |--|
            M lookup 1                                     |-|
            M lookup 1                                           |-|  ✗
        ",
        ),
        (
            "with an instance's own writes it is as ever",
            "
            R register 1       |--|
            M register 2            |--|
            M outage                  |----------------------------------|
            M lookup 1                                       |-|  ✗
            M lookup 2                                       |-|
        ",
        ),
        (
            "who is alone with an old master knows no better",
            "
            S register 1       |--|
            R cut off               |-----------------------|
            S register 2             |--|
            R lookup 1                     |-|
            S lookup 1                     |-|  ✗
            R lookup 1                                       |-|  ✗
        ",
        ),
    ]);
}
