// ZITADEL answers reads from projections that lag behind writes. Here a write is followed by
// `lag` reads which still see the user as before it (or not at all), then reads catch up.
'use strict';

const exists = (user) => Boolean(user) && user.state !== 'DELETED';

function snapshot(user) {
  user.lagging = 0;
  user.projected = exists(user) ? structuredClone({ ...user, projected: undefined, password: undefined }) : undefined;
}

// To be called after every change of a user.
function wrote(world, user) {
  world.touch(user);
  if (world.switches.lag > 0) {
    user.lagging = world.switches.lag;
  } else {
    snapshot(user);
  }
}

// The user as a plain projection read sees it, or undefined.
function read(user) {
  if (!user) {
    return undefined;
  }
  const seen = user.projected;
  if (user.lagging > 0) {
    user.lagging -= 1;
    if (user.lagging === 0) {
      snapshot(user);
    }
  }
  return seen;
}

// The user as a read sees it that brings the projection up to date first.
function readNow(user) {
  if (!user) {
    return undefined;
  }
  snapshot(user);
  return user.projected;
}

module.exports = { exists, wrote, read, readNow };
