<?php

// Stands in for an application's `artisan`: notes how it was called and what it was given, then does what
// behaviour.json beside it says. The note is written under another name first, so that it is there whole or not at all.

$folder = __DIR__;
$behaviour = json_decode((string) file_get_contents($folder.'/behaviour.json'), true);
$bundle = $argv[2] ?? '';
copy($bundle, $folder.'/received.bundle');
file_put_contents($folder.'/note.tmp', json_encode([
    'argv' => array_slice($argv, 1),
    'mode' => decoct(fileperms($bundle) & 0777),
    'regular' => is_file($bundle) && ! is_link($bundle),
    'memory_limit' => ini_get('memory_limit'),
    'environment' => getenv(),
    'pid' => getmypid(),
    'cwd' => getcwd(),
], JSON_PARTIAL_OUTPUT_ON_ERROR));
rename($folder.'/note.tmp', $folder.'/note.json');

fwrite(STDERR, $behaviour['stderr'] ?? '');
$dry_run = in_array('--dry-run', $argv, true);
echo ($dry_run ? $behaviour['dry_run_stdout'] ?? null : null) ?? $behaviour['stdout'] ?? '';
usleep((int) (($behaviour['seconds'] ?? 0) * 1_000_000));
if (isset($behaviour['signal'])) {
    posix_kill(getmypid(), $behaviour['signal']);
}
exit($behaviour['exit'] ?? 0);
