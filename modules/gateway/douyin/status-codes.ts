import type { DomainError, ErrorKind } from "#platform/errors/domain-error.ts";

/** `status_code` by reason; docs/douyin-status-codes.md explains them. What is not listed goes by its kind. */
const codeOfReason: Record<string, number> = {
  INVALID_ARGUMENT: 10001,
  NAME_INVALID: 10101,
  NAME_TAKEN: 10102,
  PASSWORD_INVALID: 10103,
  BAD_CREDENTIALS: 10104,
  LOGIN_REQUIRED: 10105,
  TOKEN_INVALID: 10106,
  TOKEN_EXPIRED: 10107,
  SESSION_ENDED: 10108,
  USER_NOT_FOUND: 10109,
  ACCOUNT_CLOSING: 10110,
  TITLE_INVALID: 10201,
  VIDEO_NOT_FOUND: 10202,
  EMPTY_FILE: 10203,
  NOT_A_VIDEO: 10204,
  VIDEO_DAMAGED: 10205,
  VIDEO_TOO_LONG: 10206,
  FRAME_TOO_LARGE: 10207,
  VIDEO_CODEC_UNSUPPORTED: 10208,
  UPLOAD_INCOMPLETE: 10209,
  BODY_TOO_LARGE: 10210,
  BODY_TOO_SLOW: 10211,
  VIDEO_TOO_HEAVY: 10212,
  UNPUBLISHED_TOO_MUCH: 10213,
  NOT_YOURS: 10301,
  ALREADY_LIKED: 10501,
  NOT_LIKED: 10502,
  ALREADY_DISLIKED: 10503,
  NOT_DISLIKED: 10504,
  FOLLOWS_SELF: 10701,
  ALREADY_FOLLOWED: 10702,
  NOT_FOLLOWED: 10703,
  FOLLOWS_TOO_MANY: 10704,
  USER_BLOCKED: 10705,
  BLOCKED_BY_USER: 10706,
  COMMENT_INVALID: 10801,
  COMMENT_NOT_FOUND: 10802,
  COMMENTS_CLOSED: 10803,
  MESSAGE_INVALID: 10901,
  WRITES_TO_SELF: 10902,
  STRANGER_LIMIT: 10903,
  DISK_FULL: 20201,
};

const codeOfKind: Record<ErrorKind, number> = {
  invalid: 10000,
  unauthenticated: 10100,
  forbidden: 10300,
  "not-found": 10400,
  conflict: 10500,
  "too-large": 10600,
  exhausted: 20000,
  deadline: 20100,
  unavailable: 20200,
  internal: 20300,
};

export function statusCodeOf(error: DomainError): number {
  return codeOfReason[error.reason] ?? codeOfKind[error.kind];
}
