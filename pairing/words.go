package pairing

import "strings"

// wordList is the list of wire.md §14.3, in the order of the alphabet. No two words have the same sound, by the code of
// soundOf in words_test.go, and none becomes another by fewer than three letters inserted, removed or replaced. No word
// is spelled in two ways in English, and no two pairs of words are the same letters without the hyphen.
const wordList = `
acorn adobe album almond alpaca anvil apple apricot apron artist asphalt atlas avocado bakery bamboo banana
barley bather bedrock bellows biscuit bobcat bonfire border botany bottle brick bronze burrow cactus camel
canvas canyon caravan carrot cement chalk cherry chisel clover cobalt cobweb coconut cordial cricket crocus
curtain daisy decade delta denim diamond digital dinner dolphin dungeon eagle editor ember evening fender
firefly flannel forest fudge garnet gingham glacier goblin gondola gorilla hamster harvest hatchet helium
herald hippo honey horizon hostel hummus hunter hydrant icicle indigo insect island ivory jacket jaguar
jelly jersey journal juggler juniper kingdom ladybug lagoon laptop laundry lentil leopard lettuce library
lilac linen lobster locust lullaby magpie mantle marlin marsh meadow medal meteor mirror mitten moose
morning museum music mustard napkin nebula nephew nickel nomad north nugget nutmeg nylon oasis oatmeal ocean
octagon octopus olive omelet onion optic orbit orchid oriole ostrich otter oxbow oxygen panda papaya paper
paprika parade parcel pasture pebble penguin perfume pilgrim pilot planet plaster polar polygon popcorn
pretzel puffin pumpkin puppet quartz rabbit radish rainbow raisin ranger raven recipe rhombus rodeo rudder
rumble saddle salad saturn savanna sawdust scarf scooter season shelter shovel shrimp skylark snorkel
soprano spaniel spatula spinach spiral spruce squash stable stadium stencil stirrup stork summer symbol
syringe tadpole tailor tango teapot temple thermos tiger tomato topaz toucan tractor trapeze trellis tripod
trolley trout truffle tundra turban turkey turnip turtle unicorn vanilla velvet veranda vessel viking
vinegar violin vision voyage vulture walkway wallet watch wedding wheat whisker willow wisdom wizard wombat
yacht zebra zenith zigzag
`

// words has wordList by number. A byte names a word.
var words = [256]string(strings.Fields(wordList))

// wordNumbers is the inverse of words.
var wordNumbers = func() map[string]byte {
	numbers := make(map[string]byte, len(words))
	for i, word := range words {
		numbers[word] = byte(i)
	}
	return numbers
}()

// nearest returns the word that differs from text by at most one letter inserted, removed or replaced, or "". There is at
// most one.
func nearest(text string) string {
	for _, word := range words {
		if differByOne(word, text) {
			return word
		}
	}
	return ""
}

// differByOne reports whether one letter inserted into, removed from or replaced in a makes b.
func differByOne(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	same := 0
	for same < len(a) && a[same] == b[same] {
		same++
	}
	if len(a) == len(b) {
		return same == len(a) || a[same+1:] == b[same+1:]
	}
	return a[same:] == b[same+1:]
}
