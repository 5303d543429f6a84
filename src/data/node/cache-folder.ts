import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where downloaded data sets are kept: `$TENSORLOOM_CACHE` if set, else the place the platform has for such things.
 */
export function cacheFolder(): string {
  const { TENSORLOOM_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (TENSORLOOM_CACHE !== undefined && TENSORLOOM_CACHE !== '') return TENSORLOOM_CACHE;
  if (process.platform === 'win32')
    return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'tensorloom', 'Cache');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'tensorloom');
  return join(
    XDG_CACHE_HOME === undefined || XDG_CACHE_HOME === '' ? join(homedir(), '.cache') : XDG_CACHE_HOME,
    'tensorloom',
  );
}
