/*
 * rule.h - what is wrong with one field of the input: stable words, which clients translate by.
 */
#ifndef CLOUDEP_RULE_H
#define CLOUDEP_RULE_H

#define CLOUDEP_RULE_REQUIRED "required"
#define CLOUDEP_RULE_FORMAT "format"
#define CLOUDEP_RULE_LENGTH "length"
#define CLOUDEP_RULE_CHOICE "choice"
#define CLOUDEP_RULE_PASSWORD "password"
#define CLOUDEP_RULE_NOT_ALLOWED "not_allowed"

#endif
