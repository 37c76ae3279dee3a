/*
 * message_ids.h - the ids of all messages in httpd's error log, each once, with the levels it is written at.
 *
 * A number keeps its meaning for good: one that is not used any more is not given to another message.
 * doc/log-messages.md explains each; t/source holds this list against the sources and that page. Retired: 2-8, 20, 22,
 * 609.
 */
#ifndef CLOUDEP_MESSAGE_IDS_H
#define CLOUDEP_MESSAGE_IDS_H

/* MESSAGE(number, levels) */
#define CLOUDEP_MESSAGES(MESSAGE)                                                                                      \
    MESSAGE(1, "crit")                                                                                                 \
    MESSAGE(10, "notice")                                                                                              \
    MESSAGE(11, "warning")                                                                                             \
    MESSAGE(12, "notice")                                                                                              \
    MESSAGE(21, "crit")                                                                                                \
    MESSAGE(101, "err")                                                                                                \
    MESSAGE(102, "info")                                                                                               \
    MESSAGE(110, "err")                                                                                                \
    MESSAGE(120, "info")                                                                                               \
    MESSAGE(130, "info")                                                                                               \
    MESSAGE(131, "info")                                                                                               \
    MESSAGE(140, "warning")                                                                                            \
    MESSAGE(141, "err")                                                                                                \
    MESSAGE(142, "err")                                                                                                \
    MESSAGE(150, "warning")                                                                                            \
    MESSAGE(160, "warning")                                                                                            \
    MESSAGE(161, "err")                                                                                                \
    MESSAGE(162, "info")                                                                                               \
    MESSAGE(200, "err")                                                                                                \
    MESSAGE(201, "err")                                                                                                \
    MESSAGE(210, "info")                                                                                               \
    MESSAGE(400, "notice")                                                                                             \
    MESSAGE(401, "err")                                                                                                \
    MESSAGE(402, "warning")                                                                                            \
    MESSAGE(403, "warning")                                                                                            \
    MESSAGE(404, "err")                                                                                                \
    MESSAGE(430, "warning")                                                                                            \
    MESSAGE(520, "err")                                                                                                \
    MESSAGE(521, "err")                                                                                                \
    MESSAGE(522, "info")                                                                                               \
    MESSAGE(523, "err")                                                                                                \
    MESSAGE(524, "notice")                                                                                             \
    MESSAGE(530, "info")                                                                                               \
    MESSAGE(610, "warning")                                                                                            \
    MESSAGE(611, "err")                                                                                                \
    MESSAGE(612, "notice")                                                                                             \
    MESSAGE(613, "warning")                                                                                            \
    MESSAGE(614, "err")                                                                                                \
    MESSAGE(615, "err")                                                                                                \
    MESSAGE(616, "warning")                                                                                            \
    MESSAGE(617, "warning")                                                                                            \
    MESSAGE(701, "notice")                                                                                             \
    MESSAGE(702, "err")                                                                                                \
    MESSAGE(703, "info")                                                                                               \
    MESSAGE(704, "warning")                                                                                            \
    MESSAGE(705, "info")                                                                                               \
    MESSAGE(706, "warning, debug")                                                                                     \
    MESSAGE(707, "crit")                                                                                               \
    MESSAGE(708, "notice")                                                                                             \
    MESSAGE(709, "crit")                                                                                               \
    MESSAGE(1120, "warning")                                                                                           \
    MESSAGE(1121, "err")                                                                                               \
    MESSAGE(1160, "info")                                                                                              \
    MESSAGE(1161, "warning")                                                                                           \
    MESSAGE(1200, "warning")                                                                                           \
    MESSAGE(1220, "info")                                                                                              \
    MESSAGE(1221, "warning")                                                                                           \
    MESSAGE(1240, "err")                                                                                               \
    MESSAGE(1241, "notice")                                                                                            \
    MESSAGE(1242, "err")                                                                                               \
    MESSAGE(1244, "err")                                                                                               \
    MESSAGE(1245, "notice")                                                                                            \
    MESSAGE(1280, "warning")                                                                                           \
    MESSAGE(1281, "info")                                                                                              \
    MESSAGE(1282, "warning")                                                                                           \
    MESSAGE(1300, "crit")                                                                                              \
    MESSAGE(1301, "warning")                                                                                           \
    MESSAGE(1302, "warning")                                                                                           \
    MESSAGE(1303, "warning")                                                                                           \
    MESSAGE(1304, "notice")                                                                                            \
    MESSAGE(1305, "crit")                                                                                              \
    MESSAGE(1306, "warning")                                                                                           \
    MESSAGE(1360, "warning")                                                                                           \
    MESSAGE(1361, "warning")                                                                                           \
    MESSAGE(1380, "info")                                                                                              \
    MESSAGE(1381, "info")                                                                                              \
    MESSAGE(1382, "err")                                                                                               \
    MESSAGE(1410, "info")                                                                                              \
    MESSAGE(1411, "info")                                                                                              \
    MESSAGE(1412, "warning")                                                                                           \
    MESSAGE(1430, "warning")                                                                                           \
    MESSAGE(1431, "err")                                                                                               \
    MESSAGE(1460, "info, warning")                                                                                     \
    MESSAGE(1461, "err")                                                                                               \
    MESSAGE(1462, "warning")                                                                                           \
    MESSAGE(1480, "warning")                                                                                           \
    MESSAGE(1481, "warning")                                                                                           \
    MESSAGE(1482, "err")                                                                                               \
    MESSAGE(1483, "info")

#endif
