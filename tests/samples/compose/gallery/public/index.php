<?php echo "gallery";
