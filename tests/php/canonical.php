<?php
// Reads base64 documents, one a line; writes the base64 canonical text, or "!" where PHP refuses the document.

function sorted_as_php_does(mixed $value): mixed
{
    if (! is_array($value)) {
        return $value;
    }
    if (! array_is_list($value)) {
        ksort($value, SORT_STRING);
    }
    return array_map('sorted_as_php_does', $value);
}

while (($line = fgets(STDIN)) !== false) {
    try {
        $value = json_decode(base64_decode(rtrim($line)), true, 512, JSON_THROW_ON_ERROR);
        $flags = JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR;
        echo base64_encode(json_encode(sorted_as_php_does($value), $flags)), "\n";
    } catch (JsonException) {
        echo "!\n";
    }
}
