"""What every key of the two files means, in a sentence or two: the one place where it is written.

Knows no type, range or default (the readers do). The schemas, the reference page and `bmcha check`
take the texts from here; a test fails for a key without a text and for a text without a key. Keys
are written with the tables above them; a key of any line, strap or sense is `line.KEY`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MODULE_TEXTS: Final[Mapping[str, str]] = {
    "board": "The board file: a name beside this file, a full path, or a shipped board.",
    "hw_root": "Where relative file names in the board file start. Without it: this file's folder.",
    "state_dir": "The folder of the epoch and the chassis log. On flash: after a reboot the epoch"
    " has to be there.",
    "control_socket": "The Unix socket that `bmcha status` and its like talk to.",
    "image_name": "The name of the shared memory with the chassis picture.",
    "log_file": "A file for the log, beside stderr.",
    "log": "What is logged, and where.",
    "log.level": "The least important that is logged.",
    "log.stderr": "When lines go to stderr; auto: when the journal reads it, or there is no file.",
    "log.file_bytes_max": "A log file of this size becomes NAME.1 and a new one is begun.",
    "realtime": "What keeps the service quick on a busy module. What the system refuses is logged,"
    " and the service runs without it.",
    "realtime.lock_memory": "Keep in memory what was once there. Takes LimitMEMLOCK=infinity or"
    " CAP_IPC_LOCK.",
    "realtime.cpus": "The processors to run on, by their numbers. Default: all.",
    "realtime.priority": "SCHED_FIFO priority of the beat engines, and of nothing else. Takes"
    " LimitRTPRIO= or CAP_SYS_NICE.",
    "pid_file": "A file for the process id, while the service runs.",
    "key_file": "The keys that frames are signed with; `bmcha key` writes it. While it is not there"
    " nothing is signed and everything is believed. Read again at each reload.",
    "chassis": "Which chassis this is, and who may hold it.",
    "chassis.id": "The chassis. Frames of another one are ignored: both modules say the same.",
    "chassis.succession": "All slots, in the order in which they come up first. The same on both.",
    "policy": "What may happen where evidence cannot decide.",
    "policy.isolation_policy": "Class bare only: silence on every path means that the peer is dead"
    " (trust-silence), or nothing is done without an operator (hold).",
    "policy.lone": "Whether a module that never saw a peer may start alone after lone_start_ms.",
    "policy.failovers_max": "So many failovers within failovers_window_s lock out every further"
    " move that is not needed, until `bmcha lockout clear`. 0: never.",
    "policy.failovers_window_s": "How long a failover counts.",
    "policy.health_switchover_margin": "A STANDBY whose health (0 to 100) is better by so much gets"
    " the chassis. 0: never.",
    "policy.health_switchover_hold_s": "For so long it has to be.",
    "policy.failback": "Whether the chassis goes back to preferred_slot when its module is well.",
    "policy.preferred_slot": "The slot that shall hold the chassis, with failback.",
    "policy.failback_hold_off_s": "For so long the module there has to be STANDBY and well.",
    "third_opinion": "Somebody outside the chassis who is asked, beside the peer's udp addresses."
    " On a bare board with trust-silence a module whose reference fell silent together with its"
    " paths is cut off, and claims nothing for a while. Without the table nobody is asked.",
    "third_opinion.address": "The reference: a host that always answers, as a switch or a gateway.",
    "third_opinion.via": "How they are asked: ping is ICMP echo over IP. arp is ARP over Ethernet:"
    " IPv4 addresses on the link of one interface only, which needs none of its own; takes"
    " CAP_NET_RAW.",
    "third_opinion.interface": "The Ethernet interface that ARP goes over.",
    "third_opinion.period_ms": "From one question to the next.",
    "third_opinion.silent_after_ms": "Unanswered for this long: silent. At least two periods, and"
    " less than the slowest path's deadtime_ms less a beat.",
    "third_opinion.forbid_max_s": "For how long at most a silent reference forbids a claim. 0: it"
    " is only shown.",
    "timers": "Times that are not a path's own. The defaults suit dead times of 1500 ms.",
    "timers.initdead_ms": "After the own start, how long to listen before silence means anything."
    " Longer than the slowest path's deadtime_ms, and than the other module's boot.",
    "timers.lone_start_ms": "With policy.lone: alone for this long after the start, claim.",
    "timers.probe_ms": "How long the peer's node has for its answer after a line of it fell.",
    "timers.claim_window_ms": "How long a claim waits for the word of another claimant.",
    "timers.rank_delay_ms": "Each place later in the succession waits this much longer to claim.",
    "timers.line_settle_ms": "From raising ACTIVE to looking whether another did so as well.",
    "timers.unverified_takeover_ms": "How long to wait for the gate of a silent peer whose HEALTH"
    " fell while its ACTIVE stays up, for the proof of a reset, or for an ACTIVE line that does not"
    " move (class lease), before claiming against it (critical alarm).",
    "timers.store_deadline_ms": "The longest that a claim waits for the disk.",
    "timers.drain_deadline_ms": "The longest that a switchover waits for the mirror to catch up.",
    "timers.handover_deadline_ms": "The longest that a switchover waits for the peer to confirm.",
    "timers.hold_off_ms": "After a change of role, no switchover for this long.",
    "timers.stall_limit_ms": "Beats stop when the node has not decided anything for this long.",
    "timers.reset_pulse_ms": "How long a silent holder is held in reset (boards of class reset).",
    "timers.lease_margin_ms": "An ACTIVE that is no longer echoed lets go this long after the peer"
    " would call it silent (boards of class lease).",
    "timers.tick_ms": "How often the node looks at its clock while anything is under way; at rest"
    " four times a second.",
    "paths": "The ways to the peer. Two that share nothing, or a single fault is a takeover.",
    "paths.name": "What commands and alarms call the path.",
    "paths.kind": "The medium.",
    "paths.peer": "The slot at the other end.",
    "paths.heartbeat_interval_ms": "Time between two beats.",
    "paths.warntime_ms": "Without a beat for this long the path is LATE.",
    "paths.deadtime_ms": "Without a beat for this long the path is SILENT. A whole multiple of the"
    " interval, longer than the board's watchdog_ms on classes gated and reset.",
    "paths.jeopardy_deadtime_ms": "The dead time while this is the last path to a living peer."
    " Default: twice deadtime_ms.",
    "paths.recovery_beats_min": "Beats in a row before a path that was silent counts again.",
    "paths.local": 'Own address and port: "192.0.2.1:4000" or "[2001:db8::1]:4000".',
    "paths.remote": "The peer's address and port. Only datagrams from there are read.",
    "paths.interface": "The network interface of an ethernet path: eth0, or eth0.100 for a VLAN. It"
    " needs no IP address. Takes CAP_NET_RAW.",
    "paths.remote_mac": "The hardware address of the peer's interface. Only frames from there are"
    " read. Without it the service speaks to all on that network until it has heard a signed beat,"
    " and then to who sent that; it takes a key_file.",
    "paths.device": "The serial device. A name that stays: /dev/serial/by-path/… for USB.",
    "paths.baud": "The speed of the line; 1200 to 4000000, the usual ones.",
    "paths.bits": "Data bits a byte; 8, as a frame uses them all.",
    "paths.parity": "The parity bit of a byte.",
    "paths.stop_bits": "Stop bits a byte.",
    "paths.flow": "Who holds the sender back. With rtscts an unplugged peer blocks the line."
    " Never xonxoff: a frame contains every byte.",
    "paths.type": "What the line is electrically.",
    "paths.rs485": "How the driver switches between sending and listening.",
    "paths.rs485.rts_on_send": "The level of RTS while sending.",
    "paths.rs485.rts_after_send": "The level of RTS after sending.",
    "paths.rs485.delay_before_ms": "From setting RTS to the first bit.",
    "paths.rs485.delay_after_ms": "From the last bit to resetting RTS.",
    "paths.frame_bytes_max": "The longest frame. Default: 1200, on a serial line what it sends in"
    " half an interval (256 at least), so that a mirror frame never holds up a beat for long.",
}

BOARD_TEXTS: Final[Mapping[str, str]] = {
    "inherit": "A board file in the same folder whose keys hold where this one is silent. Tables"
    " are merged key by key, lists are replaced.",
    "name": "What status and logs call the board.",
    "class": "What the lines can prove about a silent peer. gated: PRESENCE, HEALTH and ACTIVE of"
    " the peer, and a watchdog that shuts its outputs. reset: the same, and a line that resets the"
    " peer. lease: PRESENCE and ACTIVE of the peer, and no such watchdog. bare: nothing.",
    "watchdog_ms": "A node that has not fed its watchdog for this long is cut off by hardware.",
    "watchdog": "The hardware watchdog of this module.",
    "watchdog.file": "Its device.",
    "watchdog.pretimeout_ms": "So long before it fires the kernel is told, and may dump its state.",
    "straps": "The lines that say which slot this module is in.",
    "straps.bits": "The bits of the slot number, lowest first.",
    "straps.parity": "A strap over all bits, to tell a broken one.",
    "straps.parity_is": "What the bits and the parity strap add up to.",
    "straps.complement": "The inverse of each bit, in the same order, to tell a broken one.",
    "lines": "The lines between the modules.",
    "lines.own": "Lines of this module.",
    "lines.own.health": "Output: this module's node lives.",
    "lines.own.active": "Output: this module holds the chassis.",
    "lines.own.output_enable": "Output: lets this module's outputs through to the chassis.",
    "lines.own.outputs_open": "Input: whether the own outputs are let through.",
    "lines.own.active_sense": "Input: the own ACTIVE as the peer sees it.",
    "lines.peer": "Lines of one other module, as seen from here.",
    "lines.peer.offset": "Which one: so many places later in the succession, wrapping round.",
    "lines.peer.presence": "Input: a module is in that slot.",
    "lines.peer.health": "Input: its node lives.",
    "lines.peer.active": "Input: it holds the chassis.",
    "lines.peer.reset": "Output: resets that module.",
    "lines.peer.reset_sense": "Input: the reset line as that module sees it.",
    "line.file": 'A file that holds "0" or "1", the electrical level.',
    "line.active_low": "Level 0 means asserted, as _N at the end of a schematic's name says.",
    "line.chip": 'The GPIO chip: "gpiochip0", a path, or its label. Without it the line is looked'
    " up by its name on every chip.",
    "line.line": "The line's name, or its number on the chip.",
    "line.bias": "The pull resistor.",
    "line.drive": "How the output is driven.",
    "line.led": "A LED under /sys/class/leds instead: the kernel itself ends its pulse.",
    "line.one_shot": "The hardware bounds the pulse; needed for a GPIO line that resets.",
    "sensor_period_ms": "How often sensors and fans are read.",
    "sensor_stale_ms": "A reading older than this counts no more.",
    "hwmon_root": "Where hwmon devices are looked for.",
    "sensors": "The values that are watched. Units: m°C, mV, mA, mW.",
    "sensors.name": "What status and alarms call it.",
    "sensors.kind": "What it measures.",
    "sensors.file": "The file with the reading, in the units of the kernel's hwmon.",
    "sensors.device": "The hwmon device, by what its `name` file says.",
    "sensors.at": "Which of several: one component of the device's path, as 3-0048; * and ? fit.",
    "sensors.channel": "The channel, as in the names of its files: temp1, in0, curr1, power1.",
    "sensors.label": "The channel by its label, in place of channel.",
    "sensors.limits": "Whose limits hold.",
    "sensors.low_milli": "Below this it is an alarm.",
    "sensors.high_milli": "Above this it is an alarm.",
    "sensors.hysteresis_milli": "So far back inside before the alarm ends.",
    "sensors.jump_milli_max": "A larger step from one reading to the next is not believed at once."
    " Default: 30000 for temperatures, else 0, which is any.",
    "sensors.zone": "The cooling zone that a temperature steers.",
    "zones": "Fans that are steered together, by the hottest of the zone's temperatures.",
    "zones.name": "What fans and sensors call it.",
    "zones.curve": "Points [m°C, pwm]; between them pwm rises in a straight line.",
    "zones.hysteresis_milli": "So much cooler before fans slow down.",
    "zones.pwm_step_max": "Fans slow down by at most this at a time.",
    "fans": "The fans.",
    "fans.name": "What status and alarms call it.",
    "fans.rpm_file": "The file with its speed.",
    "fans.pwm_file": "The file that its drive is written to.",
    "fans.device": "The hwmon device, by what its `name` file says.",
    "fans.at": "Which of several: one component of the device's path, as 3-002f; * and ? fit.",
    "fans.rpm_channel": "The channel of its speed: fan1.",
    "fans.pwm_channel": "The channel of its drive: pwm1.",
    "fans.zone": "The cooling zone that steers it.",
    "fans.pwm_read_max": "What its driver reads back at full drive; 100 for the max31785.",
    "fans.pwm_min": "Never driven slower than this.",
    "fans.rpm_min": "Slower than this it has failed.",
    "fans.has_tachometer": "`false`: the driver tells what this module commands, as gpio_fan does.",
    "supplies": "The power supplies.",
    "supplies.name": "What status and alarms call it.",
    "supplies.rated_milliwatt": "What it can give.",
    "supplies.ok_file": "A file that holds 1 while the output is good.",
    "supplies.power_file": "The file with what it gives, in µW as the kernel's hwmon has it.",
    "supplies.device": "The hwmon device that tells its power, by what its `name` file says.",
    "supplies.at": "Which of several: one component of the device's path, as 5-0058; * and ? fit.",
    "supplies.power_channel": "The channel of its power: power1.",
    "blades": "The blades.",
    "blades.name": "What status and alarms call it.",
    "blades.budget_milliwatt": "What it may draw.",
    "blades.present_file": "A file that holds 1 while a blade is there.",
    "blades.power_file": "The file with what it draws, in µW as the kernel's hwmon has it.",
    "blades.device": "The hwmon device that tells its power, by what its `name` file says.",
    "blades.at": "Which of several: one component of the device's path, as 5-0058; * and ? fit.",
    "blades.power_channel": "The channel of its power: power1.",
}
