// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * GPIO chips whose wires are in the hands of a test: what gpio-sim is, for kernels built without it.
 *
 * Two platform devices, bench-gpio.0 and .1, are two gpiochips with 32 lines each. Everything above
 * the chip is the kernel's own: gpiolib, its character device, its interrupts. Unbinding a device
 * from the driver in sysfs makes its chip vanish, as pulling a USB or I2C expander does.
 *
 * /sys/kernel/debug/bench_gpio/ holds
 *   <chip>/<line>   read: "LEVEL in|out TIMES_DRIVEN_HIGH"; write 0 or 1: the level put on it from
 *                   outside, seen while the line is an input
 *   <chip>/release  Y: a line that its user lets go falls back to the outside level;
 *                   N (default): it stays as it was driven, as with most chips in real systems
 *   wires           write "CHIP LINE CHIP LINE": what the first line carries is put on the second
 *
 * Line names repeat what a management module has; BOTH is on both chips, and TWICE twice on one.
 * A LED named peer_reset is on line 31 of chip 1, for pulses that the kernel times.
 */
#include <linux/debugfs.h>
#include <linux/gpio/driver.h>
#include <linux/gpio/machine.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/leds.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#define CHIPS 2
#define LINES 32
#define LED_LINE 31

static const char *const names[CHIPS][LINES] = {
	{ "SLOT_ID0", "SLOT_ID1", "SLOT_ID2", "SLOT_PARITY", "HEALTH", "ACTIVE", "OUTPUT_ENABLE",
	  "OUTPUTS_OPEN", "ACTIVE_SENSE", "PEER_PRES_N", "PEER_HEALTH", "PEER_ACTIVE", "PEER_RESET",
	  "PEER_RESET_SENSE", "SLOT_ID0_N", "SLOT_ID1_N", "SLOT_ID2_N", "BOTH", "TWICE", "TWICE",
	  "PEER_PRES_N2", "PEER_HEALTH2", "PEER_ACTIVE2", "SPARE0", "SPARE1", "", "", "", "", "",
	  "", "" },
	{ "M2_SLOT_ID0", "M2_SLOT_ID1", "M2_SLOT_ID2", "M2_SLOT_PARITY", "M2_HEALTH", "M2_ACTIVE",
	  "M2_OUTPUT_ENABLE", "M2_OUTPUTS_OPEN", "M2_ACTIVE_SENSE", "M2_PEER_PRES_N",
	  "M2_PEER_HEALTH", "M2_PEER_ACTIVE", "M2_PEER_RESET", "M2_PEER_RESET_SENSE", "", "", "",
	  "BOTH", "", "", "", "", "", "", "", "", "", "", "", "", "", "" },
};

/*
 * Names are given as a device tree gives them, by a node that outlives the chip. (Names in struct
 * gpio_chip make Linux 6.1 walk over chips that vanished; a platform device's own node dies with it.)
 */
static const struct property_entry properties[CHIPS][2] = {
	{ PROPERTY_ENTRY_STRING_ARRAY("gpio-line-names", names[0]) },
	{ PROPERTY_ENTRY_STRING_ARRAY("gpio-line-names", names[1]) },
};
static struct fwnode_handle *nodes[CHIPS];

struct bench_line {
	struct bench_chip *owner;
	unsigned int offset;
	bool is_output, driven, outside;
	bool is_irq_on, is_rising, is_falling;
	unsigned long times_high;
	int to_chip, to_line; /* wired to; -1: to nothing */
};

struct bench_chip {
	struct gpio_chip gc;
	struct irq_work work;
	unsigned long pending;
	bool is_released;
};

/* Lines live as long as the module: a chip may come and go while its wires stay. */
static struct bench_line lines[CHIPS][LINES];
static struct bench_chip *chips[CHIPS];
static bool releases[CHIPS];
static DEFINE_RAW_SPINLOCK(lock);
static struct platform_device *devices[CHIPS], *led_device;
static struct dentry *folder;

static bool level_of(const struct bench_line *line)
{
	return line->is_output ? line->driven : line->outside;
}

/* Under the lock. Carries a change along the wires; two hops at most, so a loop ends. */
static void changed(int chip, int offset, bool was, int hops)
{
	struct bench_line *line = &lines[chip][offset];
	bool is = level_of(line);

	if (is == was)
		return;
	if (chips[chip] && line->is_irq_on && (is ? line->is_rising : line->is_falling)) {
		__set_bit(offset, &chips[chip]->pending);
		irq_work_queue(&chips[chip]->work);
	}
	if (line->to_chip >= 0 && hops < 2) {
		struct bench_line *to = &lines[line->to_chip][line->to_line];
		bool to_was = level_of(to);

		to->outside = is;
		changed(line->to_chip, line->to_line, to_was, hops + 1);
	}
}

static int chip_index(struct gpio_chip *gc)
{
	return to_platform_device(gc->parent)->id;
}

#define WITH_LINE(gc, offset) \
	int chip = chip_index(gc); \
	struct bench_line *line = &lines[chip][offset]; \
	unsigned long flags; \
	bool was; \
	raw_spin_lock_irqsave(&lock, flags); \
	was = level_of(line)

#define LINE_DONE(offset) \
	changed(chip, offset, was, 0); \
	raw_spin_unlock_irqrestore(&lock, flags)

static int bench_direction(struct gpio_chip *gc, unsigned int offset)
{
	return lines[chip_index(gc)][offset].is_output ? GPIO_LINE_DIRECTION_OUT :
							 GPIO_LINE_DIRECTION_IN;
}

static int bench_input(struct gpio_chip *gc, unsigned int offset)
{
	WITH_LINE(gc, offset);
	line->is_output = false;
	LINE_DONE(offset);
	return 0;
}

static void bench_set(struct gpio_chip *gc, unsigned int offset, int value)
{
	WITH_LINE(gc, offset);
	line->driven = value;
	if (line->is_output && value && !was)
		line->times_high++;
	LINE_DONE(offset);
}

static int bench_output(struct gpio_chip *gc, unsigned int offset, int value)
{
	WITH_LINE(gc, offset);
	line->is_output = true;
	line->driven = value;
	if (value && !was)
		line->times_high++;
	LINE_DONE(offset);
	return 0;
}

static int bench_get(struct gpio_chip *gc, unsigned int offset)
{
	return level_of(&lines[chip_index(gc)][offset]);
}

static void bench_free(struct gpio_chip *gc, unsigned int offset)
{
	WITH_LINE(gc, offset);
	if (releases[chip])
		line->is_output = false;
	LINE_DONE(offset);
}

static void bench_irq_switch(struct irq_data *data, bool is_on)
{
	struct gpio_chip *gc = irq_data_get_irq_chip_data(data);
	irq_hw_number_t offset = irqd_to_hwirq(data);

	if (is_on)
		gpiochip_enable_irq(gc, offset);
	lines[chip_index(gc)][offset].is_irq_on = is_on;
	if (!is_on)
		gpiochip_disable_irq(gc, offset);
}

static void bench_irq_mask(struct irq_data *data)
{
	bench_irq_switch(data, false);
}

static void bench_irq_unmask(struct irq_data *data)
{
	bench_irq_switch(data, true);
}

static int bench_irq_type(struct irq_data *data, unsigned int type)
{
	struct gpio_chip *gc = irq_data_get_irq_chip_data(data);
	struct bench_line *line = &lines[chip_index(gc)][irqd_to_hwirq(data)];

	if (type & ~IRQ_TYPE_EDGE_BOTH)
		return -EINVAL;
	line->is_rising = type & IRQ_TYPE_EDGE_RISING;
	line->is_falling = type & IRQ_TYPE_EDGE_FALLING;
	return 0;
}

static const struct irq_chip bench_irq_chip = {
	.name = "bench-gpio",
	.irq_mask = bench_irq_mask,
	.irq_unmask = bench_irq_unmask,
	.irq_set_type = bench_irq_type,
	.flags = IRQCHIP_IMMUTABLE,
	GPIOCHIP_IRQ_RESOURCE_HELPERS,
};

/* Runs as an interrupt does. */
static void bench_deliver(struct irq_work *work)
{
	struct bench_chip *bench = container_of(work, struct bench_chip, work);
	int offset;

	for (offset = 0; offset < LINES; offset++)
		if (test_and_clear_bit(offset, &bench->pending))
			generic_handle_domain_irq(bench->gc.irq.domain, offset);
}

static int bench_probe(struct platform_device *device)
{
	struct bench_chip *bench = devm_kzalloc(&device->dev, sizeof(*bench), GFP_KERNEL);
	unsigned long flags;
	int error;

	if (!bench)
		return -ENOMEM;
	init_irq_work(&bench->work, bench_deliver);
	bench->gc.label = device->id ? "bench-b" : "bench-a";
	bench->gc.parent = &device->dev;
	bench->gc.owner = THIS_MODULE;
	bench->gc.base = -1;
	bench->gc.ngpio = LINES;
	bench->gc.fwnode = nodes[device->id];
	bench->gc.get_direction = bench_direction;
	bench->gc.direction_input = bench_input;
	bench->gc.direction_output = bench_output;
	bench->gc.get = bench_get;
	bench->gc.set = bench_set;
	bench->gc.free = bench_free;
	gpio_irq_chip_set_chip(&bench->gc.irq, &bench_irq_chip);
	bench->gc.irq.handler = handle_simple_irq;
	bench->gc.irq.default_type = IRQ_TYPE_NONE;
	error = devm_gpiochip_add_data(&device->dev, &bench->gc, bench);
	if (error)
		return error;
	platform_set_drvdata(device, bench);
	raw_spin_lock_irqsave(&lock, flags);
	chips[device->id] = bench;
	raw_spin_unlock_irqrestore(&lock, flags);
	return 0;
}

static int bench_remove(struct platform_device *device)
{
	struct bench_chip *bench = platform_get_drvdata(device);
	unsigned long flags;
	int offset;

	raw_spin_lock_irqsave(&lock, flags);
	chips[device->id] = NULL;
	/* A chip that has lost its power comes back with inputs. */
	for (offset = 0; offset < LINES; offset++) {
		struct bench_line *line = &lines[device->id][offset];
		bool was = level_of(line);

		line->is_output = false;
		changed(device->id, offset, was, 0);
	}
	raw_spin_unlock_irqrestore(&lock, flags);
	irq_work_sync(&bench->work);
	return 0;
}

static struct platform_driver bench_driver = {
	.driver = { .name = "bench-gpio" },
	.probe = bench_probe,
	.remove = bench_remove,
};

static ssize_t line_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	struct bench_line *line = file_inode(file)->i_private;
	char text[48];
	int length = scnprintf(text, sizeof(text), "%d %s %lu\n", level_of(line),
			       line->is_output ? "out" : "in", line->times_high);

	return simple_read_from_buffer(to, size, at, text, length);
}

static ssize_t line_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	struct bench_line *line = file_inode(file)->i_private;
	int chip = line >= &lines[1][0];
	unsigned long flags;
	bool is, was;
	int error = kstrtobool_from_user(from, size, &is);

	if (error)
		return error;
	raw_spin_lock_irqsave(&lock, flags);
	was = level_of(line);
	line->outside = is;
	changed(chip, line->offset, was, 0);
	raw_spin_unlock_irqrestore(&lock, flags);
	return size;
}

static const struct file_operations line_files = {
	.owner = THIS_MODULE,
	.read = line_read,
	.write = line_write,
};

static ssize_t wires_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	unsigned int chip, line, to_chip, to_line;
	char text[48] = "";
	unsigned long flags;
	bool was;

	if (size >= sizeof(text) || copy_from_user(text, from, size))
		return -EINVAL;
	if (sscanf(text, "%u %u %u %u", &chip, &line, &to_chip, &to_line) != 4)
		return -EINVAL;
	if (chip >= CHIPS || to_chip >= CHIPS || line >= LINES || to_line >= LINES)
		return -EINVAL;
	raw_spin_lock_irqsave(&lock, flags);
	lines[chip][line].to_chip = to_chip;
	lines[chip][line].to_line = to_line;
	was = level_of(&lines[to_chip][to_line]);
	lines[to_chip][to_line].outside = level_of(&lines[chip][line]);
	changed(to_chip, to_line, was, 0);
	raw_spin_unlock_irqrestore(&lock, flags);
	return size;
}

static const struct file_operations wires_files = { .owner = THIS_MODULE, .write = wires_write };

static struct gpiod_lookup_table led_lines = {
	.dev_id = "leds-gpio",
	.table = { GPIO_LOOKUP_IDX("bench-b", LED_LINE, NULL, 0, GPIO_ACTIVE_HIGH), {} },
};
static const struct gpio_led led = { .name = "peer_reset", .default_state = LEDS_GPIO_DEFSTATE_OFF };
static const struct gpio_led_platform_data led_data = { .num_leds = 1, .leds = &led };

static void bench_exit(void)
{
	int chip;

	platform_device_unregister(led_device);
	gpiod_remove_lookup_table(&led_lines);
	for (chip = 0; chip < CHIPS; chip++) {
		platform_device_unregister(devices[chip]);
		fwnode_remove_software_node(nodes[chip]);
	}
	platform_driver_unregister(&bench_driver);
	debugfs_remove_recursive(folder);
}

static int __init bench_init(void)
{
	int chip, offset, error;

	folder = debugfs_create_dir("bench_gpio", NULL);
	debugfs_create_file("wires", 0200, folder, NULL, &wires_files);
	error = platform_driver_register(&bench_driver);
	if (error) {
		debugfs_remove_recursive(folder);
		return error;
	}
	for (chip = 0; chip < CHIPS; chip++) {
		char name[8];
		struct dentry *of_chip;

		scnprintf(name, sizeof(name), "%d", chip);
		of_chip = debugfs_create_dir(name, folder);
		debugfs_create_bool("release", 0600, of_chip, &releases[chip]);
		for (offset = 0; offset < LINES; offset++) {
			struct bench_line *line = &lines[chip][offset];

			line->offset = offset;
			line->to_chip = -1;
			scnprintf(name, sizeof(name), "%d", offset);
			debugfs_create_file(name, 0600, of_chip, line, &line_files);
		}
		nodes[chip] = fwnode_create_software_node(properties[chip], NULL);
		devices[chip] = platform_device_register_simple("bench-gpio", chip, NULL, 0);
	}
	gpiod_add_lookup_table(&led_lines);
	led_device = platform_device_register_data(NULL, "leds-gpio", PLATFORM_DEVID_NONE, &led_data,
						   sizeof(led_data));
	return 0;
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("GPIO chips wired by a test");
