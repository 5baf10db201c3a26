<?php

return new Standin\Application(dirname(__DIR__));
