//! What is changed in the vendored libzmq, place by place: defects by which one peer harms others or takes what it should
//! not have, and three calls by which libzmq tells us what becomes of a peer. docs/architecture.md, "libzmq, mended", tells
//! the story; tests/it/peers.rs and tests/it/hostile/ show each defect from outside.

/// One change: the file, what stands there now, exactly once, and what is to stand there.
pub(crate) struct Mend {
    pub(crate) file: &'static str,
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
}

pub(crate) const MENDS: [Mend; 45] = [
    // A peer's routing id that starts with zero may be one that libzmq gives to another peer later, which it asserts
    // can't be. RFC 23 reserves those for libzmq; such a peer is now given one, as one without an id is.
    Mend {
        file: "router.cpp",
        before: "        if (msg.size () == 0) {\n            //  Fall back on the auto-generation",
        after: "        if (msg.size () == 0\n            || *static_cast<const unsigned char *> (msg.data ()) == 0) {\n            \
                //  Fall back on the auto-generation",
    },
    // After a request without a delimiter, read when its peer had gone, the next request's reply went nowhere.
    Mend {
        file: "router.cpp",
        before: "        _current_out = NULL;\n        _more_out = false;\n    }\n    return 0;\n}\n\n\
                 bool zmq::router_t::xhas_in ()",
        after: "        _current_out = NULL;\n    }\n    _more_out = false;\n    return 0;\n}\n\n\
                bool zmq::router_t::xhas_in ()",
    },
    // ZMTP 1.0 and 2.0 have no mechanism, and only a mechanism's end ended the handshake timer: it cut them off at work.
    Mend {
        file: "zmtp_engine.cpp",
        before: "    _process_msg = &zmtp_engine_t::push_msg_to_session;\n\n    return 0;\n}\n",
        after: "    if (_has_handshake_timer) {\n        cancel_timer (handshake_timer_id);\n        \
                _has_handshake_timer = false;\n    }\n    \
                _process_msg = &zmtp_engine_t::push_msg_to_session;\n\n    return 0;\n}\n",
    },
    // A peer's two queues grew by 256 messages at a time, 16 KiB, and kept a spare: 83 KiB for each peer that has asked often.
    Mend {
        file: "pipe.cpp",
        before: "    typedef ypipe_t<msg_t, message_pipe_granularity> upipe_normal_t;\n",
        after: "    typedef ypipe_t<msg_t, 32> upipe_normal_t;\n",
    },
    Mend {
        file: "pipe.cpp",
        before: "new (std::nothrow) ypipe_t<msg_t, message_pipe_granularity> ();",
        after: "new (std::nothrow) ypipe_t<msg_t, 32> ();",
    },
    // A PING shorter than its own TTL was answered with up to 16 bytes of memory that it had not brought: others' requests.
    Mend {
        file: "zmtp_engine.cpp",
        before: "        && memcmp (cmd_name, \"PING\", cmd_name_size) == 0)\n",
        after: "        && memcmp (cmd_name, \"PING\", cmd_name_size) == 0\n        \
                && msg_->size () >= msg_t::ping_cmd_name_size + 2)\n",
    },
    // RFC 23: an identity is 255 bytes at most. libzmq keeps several copies of it.
    Mend {
        file: "zmtp_engine.cpp",
        before: "    if (_options.recv_routing_id) {\n        msg_->set_flags (msg_t::routing_id);\n",
        after: "    if (msg_->size () > 255) {\n        errno = EPROTO;\n        return -1;\n    }\n    \
                if (_options.recv_routing_id) {\n        msg_->set_flags (msg_t::routing_id);\n",
    },
    Mend {
        file: "mechanism.cpp",
        before: "        if (name == ZMTP_PROPERTY_IDENTITY && options.recv_routing_id)\n",
        after: "        if (name == ZMTP_PROPERTY_IDENTITY && value_length > 255) {\n            errno = EPROTO;\n            \
                return -1;\n        }\n        if (name == ZMTP_PROPERTY_IDENTITY && options.recv_routing_id)\n",
    },
    // The properties of READY were kept, twice, for as long as the peer stayed: 128 KiB of them cost 3.4 MiB. Nobody reads them.
    Mend {
        file: "mechanism.cpp",
        before: "        (zap_flag_ ? _zap_properties : _zmtp_properties)\n          .ZMQ_MAP_INSERT_OR_EMPLACE (",
        after: "        if (zap_flag_)\n            _zap_properties.ZMQ_MAP_INSERT_OR_EMPLACE (",
    },
    // A peer whose identity another one took over kept its connection without a pipe behind it: what it sent next stopped its
    // reading for ever, so that its end was never noticed and its descriptor never freed. It is closed now.
    Mend {
        file: "session_base.cpp",
        before: "    if (!is_terminating () && options.raw_socket) {\n",
        after: "    if (!is_terminating () && (options.raw_socket || (!_active && !_pending))) {\n",
    },
    // A peer of ZMTP 1.0 or 2.0 that says who it is while the socket closes has no pipe any more: libzmq asserted that it has,
    // and a stop ended in an abort. (mechanism_ready, for ZMTP 3.x, bails out in the same place.)
    Mend {
        file: "zmtp_engine.cpp",
        before: "        msg_->set_flags (msg_t::routing_id);\n        const int rc = session ()->push_msg (msg_);\n        errno_assert (rc == 0);\n",
        after: "        msg_->set_flags (msg_t::routing_id);\n        const int rc = session ()->push_msg (msg_);\n        \
                if (rc == -1 && errno == EAGAIN)\n            return -1;\n        errno_assert (rc == 0);\n",
    },
    // Frames of one message were bounded one by one, and their number not at all; none leaves memory before the last has come.
    Mend {
        file: "v2_decoder.hpp",
        before: "    const int64_t _max_msg_size;\n",
        after: "    const int64_t _max_msg_size;\n    uint64_t _whole_size;\n",
    },
    Mend {
        file: "v2_decoder.cpp",
        before: "    _max_msg_size (maxmsgsize_)\n",
        after: "    _max_msg_size (maxmsgsize_),\n    _whole_size (0)\n",
    },
    Mend {
        file: "v2_decoder.cpp",
        before: "    //  Message size must fit into size_t data type.\n",
        after: "    _whole_size += msg_size_ + sizeof (msg_t);\n    \
                if (_max_msg_size >= 0 && _whole_size > 2 * static_cast<uint64_t> (_max_msg_size)) {\n        \
                errno = EMSGSIZE;\n        return -1;\n    }\n\n    \
                //  Message size must fit into size_t data type.\n",
    },
    Mend {
        file: "v1_decoder.hpp",
        before: "    const int64_t _max_msg_size;\n",
        after: "    const int64_t _max_msg_size;\n    uint64_t _whole_size;\n",
    },
    Mend {
        file: "v1_decoder.cpp",
        before: "    _max_msg_size (maxmsgsize_)\n{\n",
        after: "    _max_msg_size (maxmsgsize_),\n    _whole_size (0)\n{\n",
    },
    Mend {
        file: "v1_decoder.cpp",
        before: "    _in_progress.set_flags (_tmpbuf[0] & msg_t::more);\n",
        after: "    _in_progress.set_flags (_tmpbuf[0] & msg_t::more);\n    \
                _whole_size += _in_progress.size () + sizeof (msg_t);\n    \
                if (_max_msg_size >= 0 && _whole_size > 2 * static_cast<uint64_t> (_max_msg_size)) {\n        \
                errno = EMSGSIZE;\n        return -1;\n    }\n    \
                if (!(_tmpbuf[0] & msg_t::more)) {\n        \
                _in_progress.set_routing_id (1 + static_cast<uint32_t> (_whole_size / 1024));\n        \
                _whole_size = 0;\n    }\n",
    },
    // A queue's high-water mark counts messages, whatever their size: 300 peers had 450 MiB of requests waiting. The decoder
    // now notes a message's size in KiB in a field that only other kinds of sockets use, and 2 KiB count as one message.
    Mend {
        file: "v2_decoder.cpp",
        before: "    _in_progress.set_flags (_msg_flags);\n",
        after: "    _in_progress.set_flags (_msg_flags);\n    \
                if (!(_msg_flags & msg_t::more)) {\n        \
                _in_progress.set_routing_id (1 + static_cast<uint32_t> (_whole_size / 1024));\n        \
                _whole_size = 0;\n    }\n",
    },
    Mend {
        file: "pipe.cpp",
        before: "bool zmq::pipe_t::read (msg_t *msg_)\n",
        after: "static uint64_t weight_of (zmq::msg_t msg_)\n{\n    return 1 + msg_.get_routing_id () / 2;\n}\n\n\
                bool zmq::pipe_t::read (msg_t *msg_)\n",
    },
    Mend {
        file: "pipe.cpp",
        before: "        _msgs_read++;\n\n    if (_lwm > 0 && _msgs_read % _lwm == 0)\n        \
                 send_activate_write (_peer, _msgs_read);\n",
        after: "    {\n        const uint64_t before = _msgs_read;\n        _msgs_read += weight_of (*msg_);\n        \
                if (_lwm > 0 && before / _lwm != _msgs_read / _lwm)\n            \
                send_activate_write (_peer, _msgs_read);\n    }\n",
    },
    Mend {
        file: "pipe.cpp",
        before: "    const bool is_routing_id = msg_->is_routing_id ();\n    _out_pipe->write (*msg_, more);\n    \
                 if (!more && !is_routing_id)\n        _msgs_written++;\n",
        after: "    const bool is_routing_id = msg_->is_routing_id ();\n    const uint64_t weight = weight_of (*msg_);\n    \
                _out_pipe->write (*msg_, more);\n    if (!more && !is_routing_id)\n        _msgs_written += weight;\n",
    },
    // What a request has before its delimiter is kept to be sent back before the reply, and was bounded like a request: 400
    // unread pings took 398 MiB. Past 1 KiB, which is room for many hops, the request is dropped.
    Mend {
        file: "rep.cpp",
        before: "    if (_request_begins) {\n        while (true) {\n",
        after: "    if (_request_begins) {\n        size_t envelope = 0;\n        while (true) {\n",
    },
    Mend {
        file: "rep.cpp",
        before: "                const bool bottom = (msg_->size () == 0);\n",
        after: "                envelope += msg_->size () + sizeof (msg_t);\n                \
                if (envelope > 1024)\n                    continue;\n                \
                const bool bottom = (msg_->size () == 0);\n",
    },
    Mend {
        file: "rep.cpp",
        before: "                rc = router_t::rollback ();\n",
        after: "                envelope = 0;\n                rc = router_t::rollback ();\n",
    },
    // A reset that came while the queue was full, with a PING among what had been read before, met an assertion: any peer
    // could abort the process at will.
    Mend {
        file: "stream_engine_base.cpp",
        before: "void zmq::stream_engine_base_t::out_event ()\n{\n    zmq_assert (!_io_error);\n",
        after: "extern \"C\" void service_registry_peer_failed (int descriptor_, int why_);\n\n\
                void zmq::stream_engine_base_t::out_event ()\n{\n    if (unlikely (_io_error))\n        return;\n",
    },
    // A failed send was passed over, and with it the kernel's word that the peer has taken nothing for too long.
    Mend {
        file: "stream_engine_base.cpp",
        before: "    if (nbytes == -1) {\n        reset_pollout ();\n        return;\n",
        after: "    if (nbytes == -1) {\n        if (errno == ETIMEDOUT)\n            \
                service_registry_peer_failed (_s, 2);\n        reset_pollout ();\n        return;\n",
    },
    // Peers of ZMTP 1.0 and 2.0 brought nothing that tells whose a request is; handoff/unread.rs must know.
    Mend {
        file: "stream_engine_base.cpp",
        before: "int zmq::stream_engine_base_t::push_msg_to_session (msg_t *msg_)\n{\n",
        after: "int zmq::stream_engine_base_t::push_msg_to_session (msg_t *msg_)\n{\n    \
                if (_metadata == NULL) {\n        properties_t properties;\n        \
                if (init_properties (properties)) {\n            \
                _metadata = new (std::nothrow) metadata_t (properties);\n            \
                alloc_assert (_metadata);\n        }\n    }\n    \
                if (_metadata && msg_->metadata () == NULL)\n        msg_->set_metadata (_metadata);\n",
    },
    // Not defects, but waste. Each reply woke the thread that sends, which found one reply a connection and sent it alone: a
    // system call and a packet each. A REP socket, which reads or polls or closes after each reply, now keeps replies until
    // there is nothing more to read, or many are kept, or a fraction of a millisecond has passed (ticks of x86's counter,
    // nanoseconds elsewhere).
    Mend {
        file: "router.hpp",
        before: "    bool _handover;\n",
        after: "    bool _handover;\n\n    \
                //  Pipes with replies that are not flushed yet, how many replies, and since when.\n    \
                enum\n    {\n        most_held_pipes = 64,\n        most_held_replies = 256,\n        longest_hold = 1000000\n    };\n    \
                pipe_t *_held[most_held_pipes];\n    int _held_pipes;\n    int _held_replies;\n    uint64_t _held_since;\n    \
                void hold (pipe_t *pipe_);\n    void flush_held ();\n",
    },
    Mend {
        file: "router.cpp",
        before: "    _handover (false)\n{\n",
        after: "    _handover (false),\n    _held_pipes (0),\n    _held_replies (0),\n    _held_since (0)\n{\n",
    },
    Mend {
        file: "router.cpp",
        before: "int zmq::router_t::xsend (msg_t *msg_)\n{\n",
        after: "void zmq::router_t::hold (pipe_t *pipe_)\n{\n    \
                if (_held_replies++ == 0)\n        _held_since = clock_t::rdtsc ();\n    \
                int place = _held_pipes;\n    \
                while (place > 0 && _held[place - 1] != pipe_)\n        --place;\n    \
                if (place == 0)\n        _held[_held_pipes++] = pipe_;\n    \
                if (_held_pipes == most_held_pipes || _held_replies == most_held_replies)\n        flush_held ();\n}\n\n\
                void zmq::router_t::flush_held ()\n{\n    \
                while (_held_pipes > 0)\n        _held[--_held_pipes]->flush ();\n    \
                _held_replies = 0;\n}\n\n\
                int zmq::router_t::xsend (msg_t *msg_)\n{\n",
    },
    Mend {
        file: "router.cpp",
        before: "                _current_out->flush ();\n",
        after: "                if (options.type == ZMQ_REP)\n                    hold (_current_out);\n                \
                else\n                    _current_out->flush ();\n",
    },
    // Also where no reply is held for long, because the peers that ask have no room for theirs.
    Mend {
        file: "router.cpp",
        before: "        //  We are at the beginning of a message.\n",
        after: "        if (_held_pipes > 0 && clock_t::rdtsc () - _held_since > longest_hold)\n            flush_held ();\n\n        \
                //  We are at the beginning of a message.\n",
    },
    Mend {
        file: "router.cpp",
        before: "    if (rc != 0)\n        return -1;\n\n    zmq_assert (pipe != NULL);\n",
        after: "    if (rc != 0) {\n        flush_held ();\n        errno = EAGAIN;\n        return -1;\n    }\n\n    zmq_assert (pipe != NULL);\n",
    },
    Mend {
        file: "router.cpp",
        before: "    if (rc != 0)\n        return false;\n\n    zmq_assert (pipe != NULL);\n",
        after: "    if (rc != 0) {\n        flush_held ();\n        return false;\n    }\n\n    zmq_assert (pipe != NULL);\n",
    },
    Mend {
        file: "router.cpp",
        before: "        if (pipe_ == _current_out)\n            _current_out = NULL;\n",
        after: "        if (pipe_ == _current_out)\n            _current_out = NULL;\n    }\n    \
                for (int place = 0; place < _held_pipes; place++) {\n        \
                if (_held[place] == pipe_)\n            _held[place--] = _held[--_held_pipes];\n",
    },
    Mend {
        file: "router.cpp",
        before: "#include \"wire.hpp\"\n",
        after: "#include \"wire.hpp\"\n#include \"clock.hpp\"\n",
    },
    // Before each reply libzmq asked epoll whether the socket is writable, and when it had been sent took the question back
    // in another turn of its loop. It is written to at once, and epoll is asked only where that was not enough.
    Mend {
        file: "stream_engine_base.cpp",
        before: "    //  If write buffer is empty, try to read new data from the encoder.\n    if (!_outsize) {\n",
        after: "    //  True iff the session had nothing more; it calls restart_output when it has.\n    bool is_drained = false;\n\n    \
                if (!_outsize) {\n",
    },
    Mend {
        file: "stream_engine_base.cpp",
        before: "                if (errno == ECONNRESET)\n                    return;\n                else\n                    break;\n",
        after: "                if (errno == ECONNRESET)\n                    return;\n                is_drained = true;\n                \
                break;\n",
    },
    Mend {
        file: "stream_engine_base.cpp",
        before: "        if (_outsize == 0) {\n            _output_stopped = true;\n            reset_pollout ();\n            return;\n",
        after: "        if (_outsize == 0) {\n            if (!_output_stopped) {\n                _output_stopped = true;\n                \
                reset_pollout ();\n            }\n            return;\n",
    },
    Mend {
        file: "stream_engine_base.cpp",
        before: "    if (unlikely (_handshaking))\n        if (_outsize == 0)\n            reset_pollout ();\n}\n",
        after: "    if (unlikely (_handshaking)) {\n        if (_outsize == 0)\n            reset_pollout ();\n    \
                } else {\n        const bool is_done = is_drained && _outsize == 0;\n        \
                if (is_done && !_output_stopped)\n            reset_pollout ();\n        \
                if (!is_done && _output_stopped)\n            set_pollout ();\n        \
                _output_stopped = is_done;\n    }\n}\n",
    },
    Mend {
        file: "stream_engine_base.cpp",
        before: "    if (likely (_output_stopped)) {\n        set_pollout ();\n        _output_stopped = false;\n    }\n\n    //  Speculative",
        after: "    //  Speculative",
    },
    // Not defects, but what libzmq doesn't tell otherwise, or only by a monitor that another thread must read all the time.
    // src/handoff/peers.rs is told that a reply is lost, since its peer's queue is full,…
    Mend {
        file: "router.cpp",
        before: "int zmq::router_t::xsend (msg_t *msg_)\n{\n    //  If this",
        after: "extern \"C\" void service_registry_reply_lost ();\n\n\
                int zmq::router_t::xsend (msg_t *msg_)\n{\n    //  If this",
    },
    Mend {
        file: "router.cpp",
        before: "                    const bool pipe_full = !_current_out->check_hwm ();\n",
        after: "                    const bool pipe_full = !_current_out->check_hwm ();\n                    \
                if (pipe_full)\n                        service_registry_reply_lost ();\n",
    },
    // …why a connection is given up (1: the handshake took too long, 2: the kernel gave up, 3: a fault in what was sent)…
    Mend {
        file: "stream_engine_base.cpp",
        before: "void zmq::stream_engine_base_t::error (error_reason_t reason_)\n{\n",
        after: "extern \"C\" void service_registry_peer_failed (int descriptor_, int why_);\n\n\
                void zmq::stream_engine_base_t::error (error_reason_t reason_)\n{\n    \
                service_registry_peer_failed (_s, reason_ == timeout_error      ? 1\n                                      \
                : reason_ == protocol_error   ? 3\n                                      \
                : errno == ETIMEDOUT          ? 2\n                                                                    \
                : 0);\n",
    },
    // …and that one is about to be closed.
    Mend {
        file: "stream_engine_base.cpp",
        before: "zmq::stream_engine_base_t::~stream_engine_base_t ()\n{\n    zmq_assert (!_plugged);\n",
        after: "extern \"C\" void service_registry_peer_gone (int descriptor_);\n\n\
                zmq::stream_engine_base_t::~stream_engine_base_t ()\n{\n    zmq_assert (!_plugged);\n    \
                service_registry_peer_gone (_s);\n",
    },
];

/// The files to compile anew: those that a mend changes, and those that are built otherwise (build.rs).
pub(crate) const FILES: [&str; 12] = [
    "ip.cpp",
    "mechanism.cpp",
    "pipe.cpp",
    "rep.cpp",
    "router.cpp",
    "session_base.cpp",
    "signaler.cpp",
    "socket_base.cpp",
    "stream_engine_base.cpp",
    "v1_decoder.cpp",
    "v2_decoder.cpp",
    "zmtp_engine.cpp",
];

/// Headers that a mend changes. Nobody but [`FILES`] uses the size of what is in them.
pub(crate) const HEADERS: [&str; 4] = ["rep.hpp", "router.hpp", "v1_decoder.hpp", "v2_decoder.hpp"];
